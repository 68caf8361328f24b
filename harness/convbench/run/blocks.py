"""Blocks: each takes every item to fresh workers and times it; the first one checks it before.

A run that was cut short has blocks that are complete for some items only: those items are passed over.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence

from convbench.plan.items import Item
from convbench.results.events.schema import ItemTimed, LimitsFound, Recorded, WarningGiven, fields_of
from convbench.run.checking.phase import Happening, check_events
from convbench.run.context import RunContext
from convbench.run.limits.attainable import attainable
from convbench.run.progress import Doing, Expected, Progress, StepsDone
from convbench.run.sessions import Entrant, launch
from convbench.run.timing.sampler import TimedItem
from convbench.run.timing.schedule import BlockCost, blocks_that_fit, rounds_of_block, steps_of
from convbench.verify import make_tensors
from convbench.verify.data_sets import DATA_SETS
from convbench.workers.arrays import DataSetFiles, write_data_sets
from convbench.workers.environment import allocator_environment
from convbench.workers.process import Failure
from convbench.workers.session import BackendSession


def first_block(context: RunContext) -> Iterator[Happening]:
    """Check every item, and time it where the run times."""
    state, settings = context.state, context.settings
    with context.workers.block(allocator_environment(settings.allocator)) as sessions:
        # the workers start one by one, so that the time of each start is its own
        for item in context.plan.items:
            data_sets: DataSetFiles | None = None
            if item.item_key not in state.checked:
                with context.stopwatch.spending("preparing"):
                    data_sets = yield from check_events(context, item, sessions)
            yield StepsDone(context.cells_of_item)
            if settings.timing:
                yield from _timed(context, item, sessions, 0, rounds=settings.rounds, data_sets=data_sets)
            _release(sessions)
        if settings.timing and state.limits is None:
            with context.stopwatch.spending("preparing"):
                yield from _limits(context, sessions)


def further_blocks(context: RunContext) -> Iterator[Happening]:
    """Those that were asked for, then those that still fit into the run's time."""
    settings, state, cost = context.settings, context.state, None
    for block in range(1, settings.most_blocks):
        if not state.is_wanted(block):
            return
        left_s = settings.within_s - context.elapsed_s()
        rounds = rounds_of_block(block, left_s, cost, settings)
        if not rounds:
            return
        if cost is not None:
            fitting = block + blocks_that_fit(left_s, cost, settings.rounds)
            blocks = min(settings.most_blocks, max(settings.blocks, fitting))
            yield Expected(steps_of(context.plan, len(context.backends), settings, blocks))
        begin, rounds_s = time.monotonic(), context.sampler.later_rounds_s
        yield from _further_block(context, block, rounds)
        round_s = (context.sampler.later_rounds_s - rounds_s) / max(1, rounds - 1)
        taken = BlockCost(time.monotonic() - begin, round_s)
        cost = taken if cost is None or taken.seconds > cost.seconds else cost


def _further_block(context: RunContext, block: int, rounds: int) -> Iterator[Happening]:
    items = [item for item in context.plan.items if not context.state.is_timed(item.item_key, block)]
    if not items:
        return
    with context.workers.block(allocator_environment(context.settings.allocator)) as sessions:
        yield Doing(f"block {block + 1}: starting fresh workers")
        with context.stopwatch.spending("preparing"):
            launch(sessions)
        for item in items:
            yield from _timed(context, item, sessions, block, rounds=rounds)
            _release(sessions)


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
        entrants, number = context.taking_part(item, sessions, block), 0
        if data_sets is None and entrants:
            number = DATA_SETS[block % len(DATA_SETS)]
            with context.stopwatch.spending("preparing"):
                tensors = make_tensors(item.case, item.batch_size, seed=context.settings.seed)
                data_sets = write_data_sets(context.scratch, tensors)
                entrants = yield from _prepared(item, entrants, data_sets[number])
        with context.stopwatch.spending("timing"):
            timed = TimedItem(item, entrants, block, data_sets or (), number)
            yield from context.sampler.events(timed, rounds)
        yield ItemTimed(**fields_of(item.item_key), block=block, run_s=context.elapsed_s())
    yield StepsDone(context.cells_of_item)


def _prepared(
    item: Item, entrants: Sequence[Entrant], paths: Mapping[str, str]
) -> Generator[Doing, None, list[Entrant]]:
    """The entrants whose workers hold the item, prepared on tensors in files."""
    ready = []
    for entrant in entrants:
        yield Doing(f"{item.label}: preparing {entrant.session.name}")
        if not isinstance(entrant.session.prepare(item, paths), Failure):
            ready.append(entrant)
        entrant.session.suspend()
    return ready


def _release(sessions: Sequence[BackendSession]) -> None:
    for session in sessions:
        session.release()
        session.suspend()


def _limits(context: RunContext, sessions: Sequence[BackendSession]) -> Iterator[Recorded | Progress]:
    """What the machine reaches at most. After the cells: it would warm up their first calls."""
    outcome = yield from attainable(
        sessions,
        list(dict.fromkeys(item.case.dtype for item in context.plan.items)),
        device=context.settings.device,
        threads=context.settings.threads,
        scratch=context.scratch,
        packages=context.packages,
        wrong=context.state.wrong_backends,
    )
    yield LimitsFound.of(outcome.limits)
    if outcome.warning:
        yield WarningGiven(text=outcome.warning)
