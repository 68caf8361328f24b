"""In its turn a backend is woken once and times all of its passes; what the timekeeper leaves to the pace of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from convbench.machine.core_speed import CoreSpeeds
from convbench.measure.timing import SWITCHED_S, WOKEN_S
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.run.budget import Pace
from convbench.run.check_item import Turn
from convbench.run.sampler import Timekeeper
from convbench.workers.session import NotOk
from convbench_specs import PASSES, Case, Pool

CASE = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(2, 4, 4))
ITEM = Item("w", CASE, 8)
WARM = {"loops": 5, "warm_up_calls": 7, "steady": True}
SAMPLE = {"loops": 5, "elapsed_s": 0.005, "waited_s": 0.0}


@dataclass
class Session:
    """Answers at once, and keeps what it was asked; a pass of `failing` fails when it is sampled."""

    name: str
    failing: str = ""
    asked: list = field(default_factory=list)

    def ask(self, request, pass_name, **fields):
        self.asked.append((request, pass_name, fields.get("settle_s")))
        if request == "sample" and pass_name == self.failing:
            return NotOk("error", "it fails")
        return dict(WARM if request == "warm_up" else SAMPLE)

    def suspend(self):
        self.asked.append("stopped")


class Told:
    """A journal and what else is told, and neighbours that disturb the samples of `disturbed`, by number."""

    def __init__(self, settings, disturbed=()):
        self.samples, self.cells, self.failed, self.looks = [], [], [], 0
        self.pace = Pace(settings)
        self._disturbed = disturbed
        self.keeper = Timekeeper(
            settings,
            SimpleNamespace(cell=lambda key, **columns: self.cells.append((key, columns)), write=self._write),
            self.pace,
            SimpleNamespace(disturb=lambda waited_s, elapsed_s: len(self.samples) in self._disturbed),
            CoreSpeeds([0], time_core=self._look),
            step=lambda what: None,
            fail=lambda item, backend, pass_name, why: self.failed.append((backend, pass_name, why.reason)),
        )

    def _write(self, event, **columns):
        assert event == "sample"
        self.samples.append(columns)

    def _look(self, core):
        self.looks += 1


def turns(*sessions, call_s=0.001):
    return [Turn(session, dict.fromkeys(PASSES, call_s)) for session in sessions]


def test_a_call_that_is_too_slow_to_be_timed_still_tells_what_a_larger_batch_takes():
    told = Told(RunSettings(budget_s=0.3))
    told.keeper.time(ITEM, [Turn(Session("mine"), {"forward": 0.5})], 0, 3)
    assert [columns["status"] for _, columns in told.cells] == ["skipped"]
    assert told.pace.seconds(ITEM.key("mine", "forward")) == 0.5
    assert told.pace.over_budget(Item("w", CASE, 32).key("mine", "forward"), CASE, None)


def test_in_its_turn_a_backend_is_woken_once_and_times_every_pass():
    told, sessions = Told(RunSettings(rounds=4)), [Session("one"), Session("other")]
    told.keeper.time(ITEM, turns(*sessions), 0, 4)
    for session in sessions:
        warming, *rounds = "".join("|" if each == "stopped" else each[1][:2] for each in session.asked).split("|")[:-1]
        assert warming == "fobabo"
        assert [sorted(round_[at : at + 2] for at in (0, 2, 4)) for round_ in rounds] == [["ba", "bo", "fo"]] * 4
        settled = [each[2] for each in session.asked if each != "stopped" and each[0] == "sample"]
        assert settled == [WOKEN_S, SWITCHED_S, SWITCHED_S] * 4
    assert len({tuple(sample["pass"] for sample in told.samples[at : at + 3]) for at in range(0, 24, 3)}) > 1
    assert len({tuple(s["backend"] for s in told.samples[at : at + 6]) for at in range(0, 24, 6)}) > 1
    assert told.looks == 2 * 4, "one after each turn"


def test_a_slow_pass_has_fewer_rounds_than_the_others():
    told = Told(RunSettings(rounds=6, blocks=3, budget_s=0.3))
    told.keeper.time(ITEM, [Turn(Session("mine"), {"forward": 0.001, "backward": 0.04})], 0, 6)
    rounds = [(sample["pass"], sample["round"]) for sample in told.samples]
    assert sorted(rounds) == [("backward", 0), ("backward", 1), *(("forward", number) for number in range(6))]


def test_a_pass_that_fails_is_told_and_the_others_go_on():
    told = Told(RunSettings(rounds=3))
    (turn,) = turns(Session("mine", failing="backward"))
    told.keeper.time(ITEM, [turn], 0, 3)
    assert told.failed == [("mine", "backward", "it fails")]
    assert sorted(sample["pass"] for sample in told.samples) == ["both"] * 3 + ["forward"] * 3
    assert list(turn.call_s) == ["forward", "both"]
    assert [told.keeper.takes_part(ITEM.key("mine", name), 1) for name in PASSES] == [True, False, True]


@pytest.mark.parametrize(("disturbed", "again"), [((), 0), ((6,), 1), ((6, 9), 2), ((6, 9, 10), 2)])
def test_only_a_pass_that_others_disturbed_is_taken_again_a_few_times(disturbed, again):
    told = Told(RunSettings(rounds=3), disturbed)  # its seventh sample begins the third round, its tenth is again
    told.keeper.time(ITEM, turns(Session("mine")), 0, 3)
    third = [(sample["pass"], sample["contended"]) for sample in told.samples if sample["round"] == 2]
    assert [name for name, _ in third[3:]] == [third[0][0]] * again
    assert [contended for _, contended in third] == [6 + number in disturbed for number in range(3 + again)]


def test_later_blocks_warm_up_and_sample_as_the_first_found_out():
    told, session = Told(RunSettings(rounds=1)), Session("mine")
    told.keeper.time(ITEM, turns(session), 0, 1)
    session.asked.clear()
    told.keeper.time(ITEM, turns(session), 1, 1)
    assert [each[0] for each in session.asked if each != "stopped"] == ["sample"] * 6
    assert {sample["block"] for sample in told.samples} == {0, 1}
