"""A run that has no more time waits for no worker, whatever a call may take by its own limit."""

from __future__ import annotations

import time

import pytest

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.workers.plugins import find_backends
from convbench.workers.session import BackendSession
from convbench_specs import Case, Flatten

ITEM = Item("w", Case(name="f", operation=Flatten(), input_shape=(2, 3)), 1)


@pytest.fixture
def session(tmp_path):
    """A function that makes a session of the backend naive, with so much patience at each look."""
    made = []

    def of(patience_s):
        (naive,) = find_backends().select(("naive",))
        settings = RunSettings(threads=1, timeout_s=60.0)
        made.append(BackendSession(naive, settings, log=tmp_path / "log", patience_s=patience_s))
        return made[-1]

    yield of
    for each in made:
        each.stop()


def test_without_any_patience_no_worker_is_started(session):
    asked = session(lambda: 0.0)
    failure = asked.predict(ITEM, ("forward",))
    assert (failure.status, failure.reason) == (Status.SKIPPED, "the time of the run was over (--within)")
    assert asked.started is None


def test_an_answer_that_does_not_come_in_time_is_left_out_and_no_fault(session):
    begin = time.monotonic()
    failure = session(lambda: 1e-3).predict(ITEM, ("forward",))
    assert failure.status is Status.SKIPPED
    assert "the time of the run was over" in failure.reason
    assert time.monotonic() - begin < 60.0, "not its own limit"
