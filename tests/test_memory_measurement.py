"""Memory is measured side by side where there is room for it, and comes out by cell whoever is ready first."""

from __future__ import annotations

import threading

import pytest

from convbench import memory_measurement
from convbench.memory_measurement import MemoryTurn, measure_memory
from convbench.plan import Item
from convbench_specs import Case, Flatten

ITEM = Item("w", Case(name="c", operation=Flatten(), input_shape=(1, 2, 2)), 1)


class _Session:
    """Answers as a worker does; `meet` waits until as many others are at work."""

    def __init__(self, name, meet=lambda: None):
        self.name, self._meet = name, meet

    def prepare(self, item, paths):
        self._meet()
        return {}

    def ask(self, request, pass_name, **fields):
        if request == "kept":
            return {"kept_bytes": [7, 9, 8]}
        return {"peaks": [{"peak_bytes": size, "source": self.name} for size in (3, 1, 2)]}

    def release(self): ...

    def suspend(self): ...


def _measured(sessions, passes=("forward",), device="cpu"):
    return measure_memory(ITEM, [MemoryTurn(session, passes, ()) for session in sessions], {}, device)


def test_peaks_are_told_by_median_and_range():
    ((key, columns),) = _measured([_Session("mine")])
    assert key == ITEM.key("mine", "forward")
    assert columns == {
        "peak_memory_bytes": 2,
        "peak_memory_min_bytes": 1,
        "peak_memory_max_bytes": 3,
        "memory_source": "mine",
    }


def test_what_is_kept_belongs_to_the_passes_that_train():
    columns = _measured([_Session("mine")], ("forward", "backward", "both"))
    kept = {key.pass_name: found["kept_memory_bytes"] for key, found in columns if "kept_memory_bytes" in found}
    assert kept == {"backward": 8, "both": 8}


def test_as_many_workers_as_cores_measure_at_once(monkeypatch):
    monkeypatch.setattr(memory_measurement, "usable_cores", lambda: {0, 1})
    barrier = threading.Barrier(2, timeout=60)  # breaks, and the test fails, if one waits for the other to end
    sessions = [_Session(name, barrier.wait) for name in "abcd"]
    assert [key.backend for key, _ in _measured(sessions)] == list("abcd")


@pytest.mark.parametrize(("device", "free"), [("cuda", 1e12), ("cpu", 100)])
def test_one_after_the_other_where_memory_is_short_or_nobody_knows(monkeypatch, device, free):
    monkeypatch.setattr(memory_measurement, "usable_cores", lambda: {0, 1})
    monkeypatch.setattr(memory_measurement, "free_bytes", lambda: free)
    at_work = threading.Semaphore(1)

    class Alone(_Session):
        def prepare(self, item, paths):
            assert at_work.acquire(blocking=False)
            return {}

        def suspend(self):
            at_work.release()

    assert len(_measured([Alone(name) for name in "abcd"], device=device)) == 4


def test_a_session_without_passes_is_left_alone():
    def never():
        raise AssertionError

    assert measure_memory(ITEM, [MemoryTurn(_Session("idle", never), (), ())], {}, "cpu") == []
