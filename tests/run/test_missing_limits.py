"""Limits of the machine that the first block had no time for are found at the end, or it is said that they are not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from convbench.results.events.schema import LimitsFound, WarningGiven
from convbench.results.roofline import Bandwidth, Limits, Peak
from convbench.run import blocks
from convbench.run.limits.attainable import LATE, Outcome

PEAK = Peak(dtype="float32", gflops_per_s=400.0, backend="one", case="c", considered=("one",), contended=False)
BANDWIDTH = Bandwidth(gbytes_per_s=40.0, way="copy", array_bytes=10**8)
WHOLE = Limits(device="cpu", threads=2, peaks=(PEAK,), bandwidth=BANDWIDTH)
NO_BANDWIDTH = replace(WHOLE, bandwidth=None)
NOTHING = Limits(device="cpu", threads=2)


@pytest.fixture
def happenings(monkeypatch):
    """What happens at the end of a run that knows some limits, finds others, and has so many seconds left."""

    def happenings(known, found, left_s):
        def attainable(*_args, **_further):
            yield from ()
            return Outcome(found)

        monkeypatch.setattr(blocks, "attainable", attainable)
        context = SimpleNamespace(
            state=SimpleNamespace(limits=LimitsFound.of(known), wrong_backends=()),
            settings=SimpleNamespace(device="cpu", threads=2),
            plan=SimpleNamespace(items=[SimpleNamespace(case=SimpleNamespace(dtype="float32"))]),
            promise=SimpleNamespace(deadline=SimpleNamespace(left_s=lambda: left_s), limits_were_late=known != WHOLE),
            elapsed_s=lambda: 100.0,
            scratch=None,
            packages=(),
        )
        return list(blocks.missing_limits(context))

    return happenings


def test_nothing_is_looked_for_where_nothing_is_missing(happenings):
    assert happenings(WHOLE, WHOLE, 10.0) == []


def test_what_is_missing_is_found_in_the_time_that_is_left(happenings):
    assert happenings(NO_BANDWIDTH, WHOLE, 10.0) == [LimitsFound.of(WHOLE)]


@pytest.mark.parametrize(("found", "left_s"), [(NO_BANDWIDTH, 0.0), (NOTHING, 10.0)], ids=["late", "no peak"])
def test_a_warning_says_that_the_time_was_too_short(happenings, found, left_s):
    assert happenings(found, found, left_s)[-1] == WarningGiven(text=LATE)
