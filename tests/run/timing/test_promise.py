"""A run ends in the time that it stated, whatever things cost: a clock of its own stands in for the machine.

The phases of a real run are carried out; only what takes time is replaced: starting workers, the check, the samples and
the memory of an item move the clock by what they are said to cost.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convbench.plan.items import Item, Plan
from convbench.plan.settings import RunSettings
from convbench.results.events.schema import (
    CellComputed,
    CellSkipped,
    CellWarmedUp,
    ItemChecked,
    LargestBatchFound,
    LimitsFound,
    MemoryMeasured,
    Recorded,
    SampleTaken,
    WarningGiven,
    fields_of,
)
from convbench.results.events.state import RunState
from convbench.results.roofline import Bandwidth, Limits, Peak
from convbench.run import blocks, memory, runner
from convbench.run.context import RunContext
from convbench.run.largest_batch import phase
from convbench.run.limits.attainable import LATE, Outcome
from convbench.run.stopwatch import Stopwatch
from convbench.run.timing.deadline import GRACE, Deadline
from convbench.run.timing.left_out import ItemCost, fit, forecast, half, repeated
from convbench.run.timing.promise import Promise
from convbench_specs import Case, Flatten

CASES = ("small", "middle", "large", "odd")
SIZES = (1, 32)
WHOLE = Limits(
    device="cpu",
    threads=1,
    peaks=(Peak(dtype="float32", gflops_per_s=1.0),),
    bandwidth=Bandwidth(gbytes_per_s=1.0, way="copy", array_bytes=1),
)
"""Of a machine whose limits were found."""


class Machine:
    """A clock, and what each thing costs on it; `slows` is how much slower it is from `from_s` on."""

    def __init__(self, costs, slows=1.0, from_s=inf):
        self.now, self.costs, self._slows, self._from_s = 0.0, costs, slows, from_s

    def __call__(self):
        return self.now

    def spend(self, seconds, *, patience_s=inf):
        """Let time go by, as a worker that is ended where the run has no more patience."""
        seconds = min(seconds * (self._slows if self.now >= self._from_s else 1.0), max(0.0, patience_s))
        self.now += seconds
        return seconds


def simulated(machine, within_s, asked=None):
    """The events of a run on that machine, and what is known after it."""
    settings = RunSettings(
        batch_sizes=SIZES, passes=("forward",), threads=1, within_s=within_s, **{"most_blocks": 8} | (asked or {})
    )
    items = tuple(
        Item("w", Case(name=name, operation=Flatten(), input_shape=(1, 2, 2)), size) for size in SIZES for name in CASES
    )
    state = RunState()
    deadline = Deadline(within_s=settings.promised_s, fill_s=within_s, report_s=0.03 * within_s, clock=machine)
    searches = len(CASES) if settings.find_largest_batch else 0
    promise = Promise(settings, deadline, searches=searches)
    workers = Workers(machine, promise)
    context = RunContext(
        plan=Plan((), items), settings=settings, backends=[SimpleNamespace(backend=SimpleNamespace(name="mine"))],
        state=state, workers=workers, sampler=Samples(machine, settings, promise), timed_results=None,
        stopwatch=Stopwatch(machine), scratch=None, promise=promise,
    )  # fmt: skip
    events = []
    with pytest.MonkeyPatch.context() as patch:
        replace_what_takes_time(patch, machine, promise)
        for happening in runner._phases(context):
            if isinstance(happening, Recorded):
                state.apply(happening)
                events.append(happening)
    return events, state


def replace_what_takes_time(patch, machine, promise):
    def check(context, item, sessions):
        machine.spend(machine.costs["check"][item.item_key[1:4:2]], patience_s=promise.patience_s())
        for key in context.keys_of(item):
            yield CellComputed(**fields_of(key), data="random", call_s=1e-3)
        yield ItemChecked(**fields_of(item.item_key))
        return ({},)

    def measure(context, item, entrants):
        machine.spend(
            machine.costs["memory"] * machine.costs["check"][item.item_key[1:4:2]], patience_s=promise.patience_s()
        )
        for key in context.keys_of(item):
            yield MemoryMeasured(**fields_of(key), memory_source="resident", peak_memory_bytes=1)

    def limits(*_, left_s, **__):
        found = machine.costs["limits"] <= left_s()
        machine.spend(machine.costs["limits"], patience_s=left_s())
        return Outcome(WHOLE) if found else Outcome(Limits(device="cpu", threads=1), (LATE,))
        yield

    class Searches:
        def __init__(self, *_, **__): ...

        def __enter__(self):
            return self

        def __exit__(self, *_): ...

        def find(self, case, pass_name, search_s):
            machine.spend(machine.costs["search"], patience_s=min(search_s, promise.patience_s()))
            return "ok"
            yield

        def skipped(self, reason):
            return "skipped"

        def event(self, workload, case, pass_name, found):
            return LargestBatchFound(
                workload=workload, case=case.name, dtype=case.dtype, backend="mine", pass_name=pass_name, status=found,
                reason="", limit_bytes=1, tries=1,
            )  # fmt: skip

    def launch(sessions):
        machine.spend(machine.costs["start"], patience_s=promise.patience_s())

    patch.setattr(blocks, "check_events", check)
    patch.setattr(blocks, "attainable", limits)
    patch.setattr(blocks, "launch", launch)
    patch.setattr(blocks, "make_tensors", lambda *_, **__: None)
    patch.setattr(blocks, "write_data_sets", lambda *_: [{}] * 9)
    patch.setattr(memory, "launch", launch)
    patch.setattr(memory, "_measure", measure)
    patch.setattr(phase, "Searcher", Searches)


class Session:
    name = "mine"

    busy_cores = 0.0

    def __init__(self, machine, promise):
        self._machine, self._promise = machine, promise

    def wait(self):
        self._machine.spend(self._machine.costs["start"])

    def prepare(self, item, paths):
        cost = self._machine.costs["prepare"] * self._machine.costs["check"][item.item_key[1:4:2]]
        self._machine.spend(cost, patience_s=self._promise.patience_s())

    def suspend(self): ...

    def release(self): ...


class Workers:
    def __init__(self, machine, promise):
        self._machine, self._promise = machine, promise

    @contextmanager
    def block(self, purpose=None):
        yield [Session(self._machine, self._promise)]

    def log_of(self, backend):
        return None


class Samples:
    """As the sampler: each round costs what the item's rounds cost."""

    def __init__(self, machine, settings, promise):
        self._machine, self._settings, self._promise, self.later_rounds_s = machine, settings, promise, 0.0

    def events(self, timed, most_rounds):
        item = timed.item
        for entrant in timed.entrants:
            key = fields_of(item.key(entrant.session.name, "forward"))
            yield CellWarmedUp(**key, loops=1, warm_up_calls=1, steady=True, blocks=self._settings.most_blocks)
            for number in range(most_rounds):
                late = self._promise.deadline.left_s() <= 0
                cost = self._machine.costs["round"] * self._machine.costs["check"][item.item_key[1:4:2]]
                spent = self._machine.spend(cost, patience_s=self._promise.patience_s())
                self.later_rounds_s += spent if number else 0.0
                yield SampleTaken(**key, block=timed.block, round=number, loops=1, elapsed_s=1e-3)
                if late:
                    break


SECONDS = st.floats(0.01, 20.0)
COSTS = st.fixed_dictionaries(
    {
        "start": st.floats(0.1, 10.0),
        "check": st.fixed_dictionaries({(name, size): SECONDS for name in CASES for size in SIZES}),
        "prepare": st.floats(0.0, 1.0),
        "round": st.floats(0.001, 0.5),
        "memory": st.floats(0.0, 2.0),
        "limits": st.floats(0.0, 60.0),
        "search": st.floats(0.0, 30.0),
    }
)


def same(check, **others):
    """Costs on which every item takes as long."""
    costs = {"start": 1.0, "prepare": 0.1, "round": 0.05, "memory": 0.3, "limits": 5.0, "search": 5.0}
    return {**costs, "check": {(name, size): check for name in CASES for size in SIZES}, **others}


AT_ALL = {"find_largest_batch": True, "search_s": 10.0}


@settings(max_examples=40, deadline=None)
@example(costs=same(1.0), within_s=40.0, slows=3.0, from_s=10.0, searching=False)
@example(costs=same(10.0), within_s=40.0, slows=1.0, from_s=0.0, searching=True)
@example(costs=same(0.05), within_s=90.0, slows=1.0, from_s=0.0, searching=True)
@given(
    costs=COSTS,
    within_s=st.floats(10.0, 200.0),
    slows=st.floats(1.0, 10.0),
    from_s=st.floats(0.0, 200.0),
    searching=st.booleans(),
)
def test_a_run_ends_in_its_time_or_with_what_comes_in_any_case(costs, within_s, slows, from_s, searching):
    machine = Machine(costs, slows, from_s)
    events, state = simulated(machine, within_s, AT_ALL if searching else None)
    in_any_case = slows * (costs["start"] + costs["check"]["small", 1])
    assert machine.now <= max((1 + GRACE) * within_s, in_any_case) + 1e-6
    assert {event.cell.item for event in events if isinstance(event, (CellComputed, CellSkipped))} == state.checked
    assert len(state.checked) == len(CASES) * len(SIZES), "each is measured, or says why not"


@settings(max_examples=20, deadline=None)
@given(costs=COSTS, within_s=st.floats(10.0, 200.0))
def test_what_is_left_out_is_said_with_its_reason(costs, within_s):
    events, state = simulated(Machine(costs), within_s)
    warnings = [event.text for event in events if isinstance(event, WarningGiven)]
    skipped = [event for event in events if isinstance(event, CellSkipped)]
    assert all(f"so that the run ends within {within_s:g} s" in event.reason for event in skipped)
    if any("checked" not in event.reason for event in skipped):
        assert any("these were left out" in text for text in warnings)
    timed = {sample.cell.item for sample in state.samples}
    if any(len(state.timed.get(key, ())) < 3 for key in timed):
        assert any("block" in text for text in warnings)
    peaks = [event for event in events if isinstance(event, MemoryMeasured)]
    if any(event.memory_source.startswith("not measured") for event in peaks):
        assert any("memory of these" in text for text in warnings)


def test_on_a_machine_that_is_quick_enough_nothing_is_left_out_and_the_time_is_filled():
    machine = Machine(same(0.2))
    events, state = simulated(machine, 60.0)
    assert not [event for event in events if isinstance(event, (CellSkipped, WarningGiven))]
    assert {len(found) for found in state.timed.values()} == {8}
    assert machine.now < 60
    assert any(isinstance(event, LimitsFound) for event in events)


def test_the_dearest_go_first_and_the_rounds_before_them():
    costs = same(0.5)
    costs["check"] |= {("large", 1): 15.0, ("large", 32): 30.0}
    events, _ = simulated(Machine(costs), 60.0)
    left_out = {event.cell[1:4:2] for event in events if isinstance(event, CellSkipped)}
    assert ("large", 32) in left_out
    assert left_out <= {("large", 1), ("large", 32)}


def test_a_run_beside_a_process_that_slows_it_down_threefold_keeps_what_is_cheap():
    _, state = simulated(Machine(same(1.0), 3.0, 8.0), 60.0)
    timed = {sample.cell.item for sample in state.samples}
    assert len(timed) >= 4


def test_where_no_time_was_stated_everything_is_measured_however_long_it_takes():
    machine = Machine(same(5.0))
    events, state = simulated(machine, 10.0, {"in_time": False, "most_blocks": 3})
    assert machine.now > 5 * 10.0
    assert not [event for event in events if isinstance(event, CellSkipped)]
    assert {len(found) for found in state.timed.values()} == {3}


KEYS = st.integers(0, 20)


@given(
    costs=st.dictionaries(KEYS, st.builds(ItemCost, st.floats(0, 100), st.floats(0, 10)), max_size=12),
    left_s=st.floats(-10, 500),
    rounds=st.integers(1, 30),
)
def test_what_is_kept_fits_and_what_is_left_out_is_dearer_than_all_of_it(costs, left_s, rounds):
    found = fit(costs, left_s, rounds)
    kept = {key: cost.of(found.rounds) for key, cost in costs.items() if key not in found.left_out}
    assert half(rounds) <= found.rounds <= rounds
    assert not kept or sum(kept.values()) <= left_s + 1e-6
    if found.left_out:
        assert found.rounds == half(rounds), "rounds go first"
        cheapest = min(costs[key].of(found.rounds) for key in found.left_out)
        assert all(seconds <= cheapest for seconds in kept.values())
        assert sum(kept.values()) + cheapest > left_s - 1e-6, "no more than needed"


def test_of_items_that_cost_the_same_the_later_ones_are_left_out():
    costs = {name: ItemCost(1.0) for name in "abcde"}
    assert fit(costs, 3.0, 6).left_out == {"d", "e"}


def test_before_any_large_batch_is_known_it_is_taken_to_be_dearer():
    known = {Item("w", Case(name="a", operation=Flatten(), input_shape=(1, 2, 2)), 1).item_key: ItemCost(2.0)}
    (key,) = known
    guesses = forecast(known, [key._replace(case="b"), key._replace(case="b", batch_size=16)])
    assert [cost.fixed_s for cost in guesses.values()] == [2.0, 4.0]


@given(st.floats(0.01, 10), st.floats(1, 32))
def test_an_item_is_forecast_from_its_smaller_batch_by_what_others_grew(seconds, growth):
    key = Item("w", Case(name="a", operation=Flatten(), input_shape=(1, 2, 2)), 1).item_key
    other = key._replace(case="b")
    known = {key: ItemCost(seconds), other: ItemCost(2.0), other._replace(batch_size=32): ItemCost(2.0 * growth)}
    guess = forecast(known, [key._replace(batch_size=32)])[key._replace(batch_size=32)]
    assert guess.fixed_s == pytest.approx(seconds * growth)


def test_what_is_done_once_is_not_expected_again():
    key = Item("w", Case(name="a", operation=Flatten(), input_shape=(1, 2, 2)), 1).item_key
    compiled, plain, larger = ItemCost(9.0), ItemCost(1.0), ItemCost(4.0)
    costs = {key: compiled, key._replace(batch_size=8): plain, key._replace(batch_size=64): larger}
    other = {key._replace(case="b"): compiled}
    assert repeated(costs | other) == {
        key: plain, key._replace(batch_size=8): plain, key._replace(batch_size=64): larger, **other,
    }  # fmt: skip
