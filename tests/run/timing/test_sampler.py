"""In its turn a backend is woken once and times all of its passes; what the sampler leaves to the budget of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from convbench.machine.core_speed import CoreSpeeds
from convbench.measure.timing import SWITCHED_S, WOKEN_S
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.results.events.schema import CellComputed, CellFailed, CellSkipped, Recorded, SampleTaken, fields_of
from convbench.results.events.state import RunState
from convbench.run.sessions import ItemEntrant
from convbench.run.timing.budget import Budget
from convbench.run.timing.sampler import Sampler, TimedItem
from convbench.run.timing.timed_results import TimedResults
from convbench.workers import protocol
from convbench.workers.failure import Failure
from convbench_specs import PASSES, Case, Pool

CASE = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(2, 4, 4))
ITEM = Item("w", CASE, 8)
WARM = protocol.WarmedUp(loops=5, warm_up_calls=7, steady=True, elapsed_s=0.1)
SAMPLE = protocol.Sampled(
    loops=5, elapsed_s=0.005, cpu_s=0.005, minor_faults=0, involuntary_switches=0, waited_s=0.0, settled_s=0.0
)


@dataclass
class Session:
    """Answers at once, and keeps what it was asked; a pass of `failing` fails when it is sampled."""

    name: str
    failing: str = ""
    asked: list = field(default_factory=list)
    can_update: bool = False
    holds_case: bool = True
    threads: int = 1

    def ask(self, request):
        name = protocol.name_of(request)
        self.asked.append((name, request.pass_name, getattr(request, "settle_s", None)))
        if name == "sample" and request.pass_name == self.failing:
            return Failure(Status.ERROR, "it fails")
        return WARM if name == "warm_up" else SAMPLE

    def cpu_s(self):
        return 0.0

    def suspend(self):
        self.asked.append("stopped")


class Told:
    """What a sampler finds, and other load that disturbs the samples of `disturbed`, by number."""

    def __init__(self, settings, disturbed=()):
        self.events, self.looks = [], 0
        self.state = RunState()
        self.budget = Budget(settings, self.state.fastest_s)
        self._disturbed, self._asked = disturbed, 0
        load = SimpleNamespace(disturb=self._disturb)
        results = TimedResults(scratch=Path(), seed=0)
        self.sampler = Sampler(settings, self.state, load, CoreSpeeds([0], time_core=self._look), results)

    def time(self, item, entrants, block, rounds, call_s=0.001):
        """Time what was computed before, each call in call_s or what it says by pass."""
        for entrant in entrants if not block else ():
            for name in entrant.passes:
                seconds = call_s[name] if isinstance(call_s, dict) else call_s
                key = fields_of(item.key(entrant.session.name, name))
                self.state.apply(CellComputed(**key, data="random", call_s=seconds))
        for event in self.sampler.events(TimedItem(item, entrants, block), rounds):
            if isinstance(event, Recorded):
                self.events.append(event)
                self.state.apply(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def samples(self):
        return self.of(SampleTaken)

    def _disturb(self, waited_s, elapsed_s):
        self._asked += 1
        return self._asked - 1 in self._disturbed

    def _look(self, core):
        self.looks += 1


def entrants_of(*sessions):
    return [ItemEntrant(session, PASSES) for session in sessions]


def test_a_call_that_is_too_slow_to_be_timed_still_tells_what_a_larger_batch_takes():
    told = Told(RunSettings(budget_s=0.3, batch_sizes=(8, 32)))
    told.time(ITEM, [ItemEntrant(Session("mine"), ("forward",))], 0, 3, call_s=0.5)
    assert [type(event) for event in told.events] == [CellSkipped]
    assert told.budget.seconds(ITEM.key("mine", "forward")) == 0.5
    assert told.budget.over_budget(Item("w", CASE, 32).key("mine", "forward"), CASE, None)


def test_in_its_turn_a_backend_is_woken_once_and_times_every_pass():
    told, sessions = Told(RunSettings(rounds=4)), [Session("one"), Session("other")]
    told.time(ITEM, entrants_of(*sessions), 0, 4)
    for session in sessions:
        warming, *rounds = "".join("|" if each == "stopped" else each[1][:2] for each in session.asked).split("|")[:-1]
        assert warming == "fobabo"
        assert [sorted(round_[at : at + 2] for at in (0, 2, 4)) for round_ in rounds] == [["ba", "bo", "fo"]] * 4
        settled = [each[2] for each in session.asked if each != "stopped" and each[0] == "sample"]
        assert settled == [WOKEN_S, SWITCHED_S, SWITCHED_S] * 4
    assert len({tuple(sample.pass_name for sample in told.samples[at : at + 3]) for at in range(0, 24, 3)}) > 1
    assert len({tuple(s.backend for s in told.samples[at : at + 6]) for at in range(0, 24, 6)}) > 1
    assert told.looks == 2 * 4, "one after each turn"


def test_a_slow_pass_has_fewer_rounds_than_the_others():
    told = Told(RunSettings(rounds=6, blocks=3, budget_s=0.3))
    seconds = {"forward": 0.001, "backward": 0.04}
    told.time(ITEM, [ItemEntrant(Session("mine"), ("forward", "backward"))], 0, 6, call_s=seconds)
    rounds = [(sample.pass_name, sample.round) for sample in told.samples]
    assert sorted(rounds) == [("backward", 0), ("backward", 1), *(("forward", number) for number in range(6))]


def test_a_pass_that_fails_is_told_and_the_others_go_on():
    told = Told(RunSettings(rounds=3))
    told.time(ITEM, entrants_of(Session("mine", failing="backward")), 0, 3)
    failed = [(event.backend, event.pass_name, event.reason) for event in told.of(CellFailed)]
    assert failed == [("mine", "backward", "it fails")]
    assert sorted(sample.pass_name for sample in told.samples) == ["both"] * 3 + ["forward"] * 3
    assert [told.state.takes_part(ITEM.key("mine", name), 1) for name in PASSES] == [True, False, True]


@pytest.mark.parametrize(("disturbed", "again"), [((), 0), ((6,), 1), ((6, 9), 2), ((6, 9, 10), 2)])
def test_only_a_pass_that_others_disturbed_is_taken_again_a_few_times(disturbed, again):
    told = Told(RunSettings(rounds=3), disturbed)  # its seventh sample begins the third round, its tenth is again
    told.time(ITEM, entrants_of(Session("mine")), 0, 3)
    third = [(sample.pass_name, sample.contended) for sample in told.samples if sample.round == 2]
    assert [name for name, _ in third[3:]] == [third[0][0]] * again
    assert [contended for _, contended in third] == [6 + number in disturbed for number in range(3 + again)]


def test_later_blocks_warm_up_and_sample_as_the_first_found_out():
    told, session = Told(RunSettings(rounds=1)), Session("mine")
    told.time(ITEM, entrants_of(session), 0, 1)
    session.asked.clear()
    told.time(ITEM, entrants_of(session), 1, 1)
    assert [each[0] for each in session.asked if each != "stopped"] == ["sample"] * 6
    assert {sample.block for sample in told.samples} == {0, 1}


def test_a_round_that_begins_without_time_left_is_the_last():
    told, left = Told(RunSettings(rounds=6)), iter([10.0, 5.0, -1.0])
    told.sampler._left_s = lambda: next(left)
    told.time(ITEM, entrants_of(Session("mine")), 0, 6)
    assert {sample.round for sample in told.samples} == {0, 1, 2}
