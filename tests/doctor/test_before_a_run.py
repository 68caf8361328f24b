"""Before a run one line says that the machine widens intervals; its report has every warning, the worst first."""

from __future__ import annotations

import pytest

from convbench.doctor import Facts, before_a_run, facts, warnings
from convbench.doctor.before_a_run import in_one_line, warn
from convbench.doctor.diagnosis import CHECKS, WORST_FIRST
from convbench.machine.processor_use import ProcessorUse
from convbench.plan.settings import RunSettings
from convbench_specs import FrameworkVariables

NOTHING = FrameworkVariables()
BUSY = Facts(
    threads=2,
    usable=(0, 1),
    online=2,
    load=5.0,
    use=ProcessorUse(window_s=1.0, foreign_cores=1.5, steal_cores=0.5),
    environment={"OMP_NUM_THREADS": "1"},
    can_reset_peak=True,
)


def test_every_check_has_a_place_by_how_bad_it_is():
    assert set(WORST_FIRST) == set(CHECKS)
    assert len(WORST_FIRST) == len(CHECKS)


def test_the_worst_stands_first():
    topics = [text.partition(":")[0] for text in warnings(BUSY)]
    assert topics == ["other processes", "load", "steal", "thread settings"]


def test_a_run_says_one_line_and_keeps_all(monkeypatch):
    monkeypatch.setattr(before_a_run, "read_facts", lambda *_, **__: BUSY)
    said = []
    assert warn(RunSettings(), NOTHING, said.append) == warnings(BUSY)
    assert said == [
        "4 conditions here widen the intervals (other processes, load, steal, ...); see convbench doctor",
    ]
    assert len(said[0]) < 100


def test_a_quiet_machine_says_nothing(monkeypatch):
    quiet = Facts(threads=1, usable=(0, 1), online=2, can_reset_peak=True)
    monkeypatch.setattr(before_a_run, "read_facts", lambda *_, **__: quiet)
    said = []
    assert warn(RunSettings(), NOTHING, said.append) == ()
    assert said == []


def test_one_thing_is_no_plural():
    assert in_one_line(["load: it is 9."]) == "1 condition here widens the intervals (load); see convbench doctor"


@pytest.mark.parametrize(("load", "own", "left"), [(2.1, 1.9, 0.2), (0.5, 2.0, 0.0), (5.0, 0.0, 5.0)])
def test_the_users_own_last_run_does_not_count_as_load(monkeypatch, load, own, left):
    monkeypatch.setattr(facts.os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(facts, "load_of_last_run", lambda: own)
    assert facts._load() == pytest.approx(left)
