"""Several workers work at once, and none is left at work."""

from __future__ import annotations

import threading

import pytest

from convbench.run import sessions
from convbench.run.sessions import ItemEntrant, together


class Session:
    def __init__(self, name):
        self.name, self.suspended, self.stopped = name, 0, threading.Event()

    def suspend(self):
        self.suspended += 1

    def stop(self):
        self.stopped.set()


@pytest.fixture
def entrants():
    return [ItemEntrant(Session(name), ("forward",)) for name in "abcde"]


def names(entrants):
    return [entrant.session.name for entrant in entrants]


def test_replies_come_in_the_order_of_the_entrants(entrants):
    assert together(entrants, lambda entrant: entrant.session.name) == names(entrants)
    assert [entrant.session.suspended for entrant in entrants] == [1] * 5


def test_as_many_work_at_once_as_there_are_cores(entrants, monkeypatch):
    monkeypatch.setattr(sessions, "usable_cores", lambda: (0, 1, 2))
    three = threading.Barrier(3, timeout=10)
    assert together(entrants[:3], lambda _: three.wait() >= 0) == [True] * 3


def test_nobody_at_all_is_no_fault():
    assert together([], lambda entrant: entrant) == []


def test_whoever_waits_when_another_task_raises_waits_no_longer(entrants, monkeypatch):
    monkeypatch.setattr(sessions, "usable_cores", lambda: (0, 1))
    (first, second), begun = entrants[:2], threading.Event()

    def task(entrant):
        if entrant is first:
            begun.wait(10)
            raise ArithmeticError("a fault of the host")
        begun.set()
        assert second.session.stopped.wait(10), "it would wait for its worker for ever"

    with pytest.raises(ArithmeticError, match="a fault of the host"):
        together([first, second], task)
    assert first.session.suspended == second.session.suspended == 1
