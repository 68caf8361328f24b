"""A thread that spins while nothing is to be done is seen; one that waits, or that ends soon, is not."""

from __future__ import annotations

import threading

from convbench.measure import idling


def test_threads_that_wait_are_idle():
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    try:
        assert idling.busy_cores() == 0
    finally:
        event.set()
        thread.join()


def test_what_is_busy_at_first_and_idle_later_only_spun_down(monkeypatch):
    used = iter([1.9, 0.01])
    monkeypatch.setattr(idling, "_used", lambda seconds: next(used))
    monkeypatch.setattr(idling.time, "sleep", lambda seconds: None)
    assert idling.busy_cores() == 0


def test_what_stays_busy_is_told_with_how_many_cores(monkeypatch):
    used = iter([1.9, 1.8])
    monkeypatch.setattr(idling, "_used", lambda seconds: next(used))
    monkeypatch.setattr(idling.time, "sleep", lambda seconds: None)
    assert idling.busy_cores() == 1.8
