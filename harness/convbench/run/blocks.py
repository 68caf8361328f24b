"""Blocks: each takes every item to fresh workers and times it; the first one checks it before.

- A run that was cut short has blocks that are complete for some items only: those items are passed over.
- Before each item the promise of the run says whether it still fits, and with how many rounds: timing/promise.py.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence

from convbench.plan.items import Item
from convbench.results.events.schema import (
    CellSkipped,
    ItemChecked,
    ItemTimed,
    LimitsFound,
    Recorded,
    WarningGiven,
    fields_of,
)
from convbench.results.roofline import Limits
from convbench.run.checking.phase import Happening, check_events
from convbench.run.context import RunContext
from convbench.run.limits.attainable import LATE, Outcome, attainable
from convbench.run.progress import Doing, Expected, Progress, SetAside, StepsDone
from convbench.run.sessions import ItemEntrant, launch, together
from convbench.run.timing.left_out import ItemCost
from convbench.run.timing.promise import left_out_text, reason
from convbench.run.timing.sampler import TimedItem
from convbench.run.timing.schedule import BlockCost, blocks_that_fit, rounds_that_fit, steps_of
from convbench.verify import make_tensors
from convbench.verify.data_sets import DATA_SETS
from convbench.workers.arrays import DataSetFiles, write_data_sets
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import DType

TOGETHER = 0.7
"""Share of the time of starting workers one by one that all at once take, as a first guess."""
LIMITS_S = 30.0
"""What looking for the limits of a machine for the first time mostly takes, at most."""


def first_block(context: RunContext) -> Iterator[Happening]:
    """Check every item, and time it where the run times; an item that would make the run late is left out."""
    state, settings, left_out = context.state, context.settings, []
    with context.workers.block() as sessions:
        if any(item.item_key not in state.checked for item in context.plan.items):
            yield from _started(context, sessions)
        for place, item in enumerate(context.plan.items):
            rounds, data_sets = settings.rounds, None
            if item.item_key not in state.checked:
                to_come = [each.item_key for each in context.plan.items[place:] if each.item_key not in state.checked]
                found = context.promise.first_block(to_come)
                rounds = found.rounds
                if item.item_key in found.left_out:
                    left_out.append(item.label)
                    yield from _left_out(context, item)
                    continue
                data_sets = yield from _checked(context, item, sessions)
            yield StepsDone(context.cells_of_item)
            if settings.timing:
                yield from _timed(context, item, sessions, 0, rounds=rounds, data_sets=data_sets)
            _release(sessions)
        if left_out:
            yield WarningGiven(text=left_out_text("these were left out", left_out, settings))
        yield from _spinning(sessions)
        if settings.timing and state.limits is None:
            with context.stopwatch.spending("preparing"):
                yield from _limits(context, sessions)


def further_blocks(context: RunContext) -> Iterator[Happening]:
    """Those that were asked for, then those that still fit into the run's time."""
    settings, state, cost = context.settings, context.state, None
    for block in range(1, settings.most_blocks):
        if not state.is_wanted(block):
            return
        rounds, until_s = settings.rounds, context.promise.end_of_block(block)
        if block >= settings.blocks:
            left_s = context.promise.fill_left_s()
            rounds, until_s = rounds_that_fit(left_s, cost, rounds), context.elapsed_s() + left_s
            if not rounds:
                return
            if cost is not None:
                blocks = min(settings.most_blocks, block + blocks_that_fit(left_s, cost, settings.rounds))
                yield Expected(steps_of(context.plan, len(context.backends), settings, blocks))
        begin, rounds_s = context.elapsed_s(), context.sampler.later_rounds_s
        taken = yield from _further_block(context, block, rounds, until_s)
        if not taken:
            return
        round_s = (context.sampler.later_rounds_s - rounds_s) / max(1, taken - 1)
        # as if it had all rounds: how many it had is no sign of what one takes
        seconds = context.elapsed_s() - begin + (settings.rounds - taken) * round_s
        cost = BlockCost(seconds, round_s) if cost is None or seconds > cost.seconds else cost


def _further_block(
    context: RunContext, block: int, rounds: int, until_s: float
) -> Generator[Recorded | Progress, None, int]:
    """The rounds that it had; 0 where nothing of it fits until the run is until_s old."""
    promise, state, settings = context.promise, context.state, context.settings
    items = [item for item in context.plan.items if not state.is_timed(item.item_key, block)]
    taking_part = [item for item in items if any(state.takes_part(key, block) for key in context.keys_of(item))]
    yield StepsDone(context.cells_of_item * (len(items) - len(taking_part)))
    items = taking_part
    if not items:
        return rounds
    keys = [item.item_key for item in items]
    found = promise.block(keys, rounds, until_s, started=False)
    if len(found.left_out) == len(keys):
        if block < settings.blocks:
            what = f"the last {settings.blocks - block} of {settings.blocks} blocks were left out (wider intervals)"
            yield WarningGiven(text=left_out_text(what, [f"blocks from {block + 1} on"], settings))
        return 0
    left_out = []
    with context.workers.block() as sessions:
        yield Doing(f"block {block + 1}: starting fresh workers")
        begin = context.elapsed_s()
        with context.stopwatch.spending("preparing"):
            launch(sessions)
        promise.start_s = context.elapsed_s() - begin
        for place, item in enumerate(items):
            found = promise.block(keys[place:], found.rounds, until_s, started=True)
            if item.item_key in found.left_out:
                left_out.append(item.label)
                yield StepsDone(context.cells_of_item)
                continue
            yield from _timed(context, item, sessions, block, rounds=found.rounds)
            _release(sessions)
    if left_out and block < settings.blocks:
        yield WarningGiven(text=left_out_text(f"block {block + 1} left these out", left_out, settings))
    return found.rounds


def _started(context: RunContext, sessions: Sequence[BackendSession]) -> Iterator[Doing]:
    """Start the workers one by one, so that the time of each start is its own."""
    begin = context.elapsed_s()
    with context.stopwatch.spending("preparing"):
        for session in sessions:
            yield Doing(f"starting {session.name}")
            session.wait()
            session.suspend()
    context.promise.start_s = TOGETHER * (context.elapsed_s() - begin)


def _checked(
    context: RunContext, item: Item, sessions: Sequence[BackendSession]
) -> Generator[Happening, None, DataSetFiles]:
    """The check of an item, which tells what others will take."""
    begin = context.elapsed_s()
    with context.stopwatch.spending("preparing"):
        data_sets = yield from check_events(context, item, sessions)
    context.promise.checks[item.item_key] = ItemCost(context.elapsed_s() - begin)
    return data_sets


def _left_out(context: RunContext, item: Item) -> Iterator[Recorded | Progress]:
    """The events for an item for which there is no time."""
    for key in context.keys_of(item):
        yield CellSkipped(**fields_of(key), reason=reason(context.settings))
    yield ItemChecked(**fields_of(item.item_key))
    yield StepsDone(context.cells_of_item * (1 + context.settings.timing))


def _not_timed(context: RunContext, item: Item, entrants: Sequence[ItemEntrant]) -> Iterator[CellSkipped]:
    """The events for cells that were checked, and for whose times there is no time."""
    why = f"it was checked; its times were {reason(context.settings)}"
    for entrant in entrants:
        for name in entrant.passes:
            yield CellSkipped(**fields_of(item.key(entrant.session.name, name)), reason=why)


def _timed(
    context: RunContext,
    item: Item,
    sessions: Sequence[BackendSession],
    block: int,
    *,
    rounds: int,
    data_sets: DataSetFiles | None = None,
) -> Iterator[Recorded | Progress]:
    """The samples of an item in a block, unless it has them; the workers hold it already where `data_sets` are given.

    They hold the first data set then; else they begin with the data set of the block, so that a backend that cannot be
    updated is timed on several, too.
    """
    if not context.state.is_timed(item.item_key, block):
        entrants, number, is_held = context.taking_part(item, sessions, block), 0, data_sets is not None
        if not block and context.promise.deadline.left_s() <= 0:
            yield from _not_timed(context, item, entrants)
            entrants = []
        begin, rounds_s = context.elapsed_s(), context.sampler.later_rounds_s
        if data_sets is None and entrants:
            number = DATA_SETS[block % len(DATA_SETS)]
            with context.stopwatch.spending("preparing"):
                tensors = make_tensors(item.case, item.batch_size, seed=context.settings.seed)
                data_sets = write_data_sets(context.scratch, tensors)
                entrants = yield from _prepared(item, entrants, data_sets[number])
        with context.stopwatch.spending("timing"):
            timed = TimedItem(item, entrants, block, data_sets or (), number)
            yield from context.sampler.events(timed, rounds)
        round_s = (context.sampler.later_rounds_s - rounds_s) / max(1, rounds - 1)
        cost = ItemCost(max(0.0, context.elapsed_s() - begin - rounds * round_s), round_s)
        context.promise.spent_on_block(item.item_key, cost, prepared=not is_held)
        yield ItemTimed(**fields_of(item.item_key), block=block, run_s=context.elapsed_s())
    yield StepsDone(context.cells_of_item)


def _prepared(
    item: Item, entrants: Sequence[ItemEntrant], paths: Mapping[str, str]
) -> Generator[Doing, None, list[ItemEntrant]]:
    """The entrants whose workers hold the item, prepared on tensors in files, several at once."""
    yield Doing(f"{item.label}: preparing the workers")
    replies = together(entrants, lambda entrant: entrant.session.prepare(item, paths))
    return [entrant for entrant, reply in zip(entrants, replies, strict=True) if not isinstance(reply, Failure)]


def _release(sessions: Sequence[BackendSession]) -> None:
    for session in sessions:
        session.release()
        session.suspend()


def _spinning(sessions: Sequence[BackendSession]) -> Iterator[WarningGiven]:
    """The backends that do not come to rest. Their workers are stopped while others are timed."""
    for session in sessions:
        if session.busy_cores:
            yield WarningGiven(
                text=f"{session.name} keeps {session.busy_cores:.1f} processor cores busy while it has nothing to "
                "compute. Probably its threads wait in a loop; this slows its own calls down"
            )


def _limits(context: RunContext, sessions: Sequence[BackendSession]) -> Iterator[Recorded | Progress]:
    """What the machine reaches at most. After the cells: it would warm up their first calls."""
    allotted_s = context.promise.limits_s()
    yield SetAside(min(allotted_s, LIMITS_S))
    outcome = yield from _look_for_limits(context, sessions, allotted_s)
    yield SetAside(0.0)
    context.promise.limits_were_late = LATE in outcome.warnings
    for text in {*outcome.warnings} - {LATE}:
        yield WarningGiven(text=text)


def missing_limits(context: RunContext) -> Iterator[Recorded | Progress]:
    """What the first block had no time for, in what the last block has left; a warning if that is too short."""
    if not context.promise.limits_were_late:
        return
    outcome = yield from _look_for_limits(context, (), context.promise.deadline.left_s())
    for text in {*outcome.warnings} - {LATE}:
        yield WarningGiven(text=text)
    if context.promise.deadline.left_s() <= 0 or not _has_peaks(context, outcome.limits):
        yield WarningGiven(text=LATE)


def _has_peaks(context: RunContext, limits: Limits) -> bool:
    return all(limits.peak(dtype) for dtype in _dtypes(context))


def _dtypes(context: RunContext) -> list[DType]:
    return list(dict.fromkeys(item.case.dtype for item in context.plan.items))


def _look_for_limits(
    context: RunContext, sessions: Sequence[BackendSession], allotted_s: float
) -> Generator[Recorded | Progress, None, Outcome]:
    until_s = context.elapsed_s() + allotted_s
    outcome = yield from attainable(
        sessions,
        _dtypes(context),
        device=context.settings.device,
        threads=context.settings.threads,
        scratch=context.scratch,
        packages=context.packages,
        wrong=context.state.wrong_backends,
        left_s=lambda: until_s - context.elapsed_s(),
    )
    yield LimitsFound.of(outcome.limits)
    return outcome
