"""A time is only doubted where no right backend can have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.verify.plausibility import CallTimes, precomputed, remembered
from convbench_specs import Case, Conv, cost

CASE = Case(name="c", operation=Conv(in_channels=16, out_channels=16, kernel_size=(3, 3)), input_shape=(16, 34, 34))
FLOPS = cost(CASE, 1, "forward").valid_flops
PEAK = 1e11
LEAST_S = FLOPS / PEAK
SECONDS = st.floats(1e-6, 1.0)


def _times(first=1.0, following=1.0, *, renewal=1e-6, copy=1e-9):
    return CallTimes(
        prepare_s=renewal, renewals=[renewal] * 2, firsts=[first] * 2, nexts=[following] * 2, copies=[copy] * 2,
        firsts_used=[first] * 2, nexts_used=[following] * 2,
    )  # fmt: skip


@given(st.lists(SECONDS, min_size=2, max_size=8), st.lists(SECONDS, min_size=2, max_size=8))
def test_first_calls_that_are_not_all_slower_are_never_held_against_a_backend(firsts, nexts):
    busy = CallTimes(prepare_s=0.0, firsts=[1.0], nexts=[1e-6], firsts_used=[*firsts, min(nexts)], nexts_used=nexts)
    slow = CallTimes(prepare_s=0.0, firsts=[*firsts, min(nexts)], nexts=nexts, firsts_used=[1.0], nexts_used=[1e-6])
    assert remembered(CASE, 1, "forward", busy) is None
    assert remembered(CASE, 1, "forward", slow) is None


def test_a_first_call_that_takes_fifty_times_as_long_is_remembered():
    found = remembered(CASE, 1, "backward", _times(first=1e-3, following=2e-5))
    assert (found.reason, found.tensor) == ("remembered", "dx")
    assert "1000 us" in found.detail
    assert "20 us" in found.detail


def test_what_a_cache_explains_is_not_held_against_a_backend():
    seconds = 2e-10 * cost(CASE, 1, "forward").bytes
    assert remembered(CASE, 1, "forward", _times(first=seconds, following=1e-7)) is None


@given(SECONDS, SECONDS, SECONDS)
def test_a_call_that_takes_as_long_as_the_arithmetic_is_believed(renewal, copy, longer):
    times = _times(following=LEAST_S + longer, renewal=renewal, copy=copy)
    assert precomputed(CASE, 1, "forward", times, PEAK) is None


def test_a_call_that_no_algorithm_can_do_was_computed_before():
    assert precomputed(CASE, 1, "forward", _times(following=LEAST_S / 9 / 2.1), PEAK).reason == "precomputed"
    assert precomputed(CASE, 1, "forward", _times(following=LEAST_S / 9 / 1.9), PEAK) is None


@pytest.mark.parametrize(
    ("renewal", "copy", "doubted"),
    [(20.0, 1.0, True), (5.0, 1.0, False), (20.0, 0.1, False)],
    ids=["a copy after much work", "a copy after little work", "more than a copy"],
)
def test_a_call_within_reach_of_a_fast_algorithm_is_doubted_where_it_only_copies(renewal, copy, doubted):
    call = LEAST_S / 3  # as Winograd's algorithm may be
    found = precomputed(CASE, 1, "forward", _times(following=call, renewal=renewal * call, copy=copy * call), PEAK)
    assert (found is not None) == doubted
