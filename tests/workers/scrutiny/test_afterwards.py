"""Work that is left for after the call is told by how long what follows takes; a copy and a moment are free."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from convbench.verify import make_tensors
from convbench.workers.scrutiny import afterwards
from convbench.workers.scrutiny.afterwards import Reading
from convbench_specs import Case, Flatten

CASE = Case(name="flatten", operation=Flatten(), input_shape=(2, 3, 3))
TENSORS = make_tensors(CASE, 2, seed=0)


@pytest.mark.parametrize(
    ("call_s", "after_s", "allowed_s", "is_too_long"),
    [
        (1e-6, 1e-3, 2e-4, True),  # all of the work
        (1e-3, 2e-3, 2e-4, True),  # most of it
        (1e-2, 1e-3, 2e-4, False),  # little of it
        (1e-6, 1e-4, 2e-4, False),  # a framework's objects
        (1e-5, 1e-2, 2e-2, False),  # a copy from an accelerator
    ],
)
def test_what_is_too_long(call_s, after_s, allowed_s, is_too_long):
    assert Reading(call_s, after_s, allowed_s).is_too_long is is_too_long


def test_one_quick_reading_is_enough_to_clear_it():
    slow, quick = Reading(1e-6, 1.0, 2e-4), Reading(1e-6, 1e-6, 2e-4)
    assert afterwards._confirmed(slow, iter([slow, quick, slow]).__next__) is None
    assert afterwards._confirmed(slow, iter([slow] * afterwards.READINGS).__next__) == slow


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    now = SimpleNamespace(ns=0)
    monkeypatch.setattr(afterwards, "now_ns", lambda: now.ns)
    monkeypatch.setattr(afterwards, "seconds_since", lambda begin: (now.ns - begin) * 1e-9)
    monkeypatch.setattr(afterwards.timing, "once", lambda call, wait: (call(), 1e-6))
    return now


def found(prepared, call):
    fields = {"wait": lambda native: None, "to_numpy": lambda name, native: native, "runs_in_order": False}
    held = SimpleNamespace(
        case=CASE, tensors=SimpleNamespace(x=[0]), prepared=SimpleNamespace(**{**fields, **prepared})
    )
    result = call()
    read = afterwards.read_at_once(held, "forward", result, 1e-6)
    return [each.reason for each in afterwards.findings(held, "forward", call, result, read)]


def y():
    return TENSORS.x.reshape(len(TENSORS.x), -1).copy()


def test_an_honest_backend_is_not_accused(clock):
    assert found({}, y) == []
    assert found({"runs_in_order": True}, y) == []


def test_work_in_to_numpy_is_told(clock):
    def to_numpy(name, native):
        clock.ns += 5_000_000
        return y()

    assert found({"to_numpy": to_numpy}, object) == ["deferred"]


def test_work_in_a_wait_that_is_called_once_a_loop_is_told(clock):
    def wait(native):
        clock.ns += 5_000_000

    assert found({"wait": wait, "runs_in_order": True}, y) == ["deferred"]


def test_a_result_that_changes_after_it_was_read_is_unfinished(clock):
    reads = iter([np.zeros(3, np.float32), np.ones(3, np.float32)])
    assert found({"to_numpy": lambda name, native: next(reads)}, object) == ["unfinished"]
