"""The order of a run: check and time every item, measure memory, add blocks, search the largest batches.

- One worker process a backend; only one computes at a time, the others are suspended.
- Each item: every backend computes the same tensors, first small integers, then random numbers; the results are
  checked; then come the rounds, in each of which every backend has one turn, in random order.
- Cells that would take too long are predicted and skipped. Whatever goes wrong becomes the status of its cell.
- Memory is measured after the first block, in workers of its own: the allocator settings that it needs change the
  timing. The other blocks only time: see blocks.py.
- Phases are generators of events. Each event goes into the state, which the phases read, and then to the caller, who
  keeps it. A run that was cut short goes on from the state that its journal gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from threadpoolctl import threadpool_limits

from convbench.machine.core_speed import CoreSpeeds
from convbench.machine.core_speed_history import keep_bests, known_bests
from convbench.machine.cores import cores_for
from convbench.machine.facts import free_bytes, usable_cores
from convbench.machine.other_load import OtherLoad
from convbench.machine.processor_peak import peak_flops_per_s
from convbench.plan.items import Plan
from convbench.plan.memory_fit import too_large
from convbench.plan.settings import RunSettings
from convbench.results.events.schema import Finished, Recorded, WarningGiven
from convbench.results.events.state import RunState
from convbench.run.blocks import first_block, further_blocks, missing_limits
from convbench.run.checking.phase import Happening
from convbench.run.checking.pictures import Picture
from convbench.run.checking.reproduce import Annotator
from convbench.run.context import RunContext
from convbench.run.largest_batch.phase import largest_batch_events
from convbench.run.largest_batch.subjects import subjects_of
from convbench.run.memory import memory_events, warning
from convbench.run.progress import Begun
from convbench.run.sessions import Workers
from convbench.run.stopwatch import Stopwatch
from convbench.run.timing.deadline import Deadline, report_seconds
from convbench.run.timing.promise import Promise
from convbench.run.timing.sampler import Sampler
from convbench.run.timing.schedule import steps_of
from convbench.run.timing.timed_results import TimedResults
from convbench.workers.arrays import scratch_folder
from convbench.workers.plugins import Registered
from convbench_specs import DType


@dataclass(slots=True)
class Ledger:
    """What a run has spent, for its last event, however it ends."""

    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    timed_s: dict[str, float] = field(default_factory=dict)

    def finished(self, *, run_s: float, interrupted: bool) -> Finished:
        """The last event of the run."""
        phases_s = {str(phase): seconds for phase, seconds in self.stopwatch.seconds.items()}
        return Finished(duration_s=run_s, interrupted=interrupted, phases_s=phases_s, timed_s=self.timed_s)


def run_events(
    plan: Plan,
    settings: RunSettings,
    backends: Sequence[Registered],
    *,
    folder: Path,
    state: RunState,
    ledger: Ledger,
    packages: tuple[str, ...] = (),
    begin: float | None = None,
) -> Generator[Happening, None, None]:
    """Everything that happens, as it happens; `state` is what is known before, and takes in every event.

    `begin` is the monotonic time at which the call was made that the run belongs to; now, where it is None.
    """
    deadline = _deadline(plan, settings, len(backends), (time.monotonic() if begin is None else begin) - state.run_s)
    speeds = CoreSpeeds(cores_for(settings.threads, usable_cores()), known_bests())
    annotate = Annotator(plan, settings, backends, state.checked)
    try:
        # the host's own checks run on one core: a BLAS pool spins on for a while and would disturb the workers
        with threadpool_limits(1, user_api="blas"), scratch_folder() as scratch:
            promise = Promise(settings, deadline, searches=_most_searches(plan, settings, len(backends)))
            workers = Workers(backends, settings, folder, scratch, patience_s=promise.patience_s)
            ledger.timed_s = workers.timed_s
            timed_results = TimedResults(scratch=scratch, seed=settings.seed, peaks=_peaks(settings, backends))
            context = RunContext(
                plan=plan,
                settings=settings,
                backends=backends,
                state=state,
                workers=workers,
                sampler=_sampler(settings, state, workers, speeds, timed_results=timed_results, deadline=deadline),
                timed_results=timed_results,
                stopwatch=ledger.stopwatch,
                scratch=scratch,
                promise=promise,
                packages=packages,
                too_large=too_large(plan.items, len(backends), free_bytes()),
            )
            for happening in _phases(context):
                happened = annotate(happening) if isinstance(happening, Recorded) else happening
                if isinstance(happened, Recorded):
                    state.apply(happened)
                elif isinstance(happened, Picture):
                    state.apply(happened.made)
                yield happened
            for warning in workers.left_behind():
                state.apply(warning)
                yield warning
    finally:
        keep_bests(speeds.best)


def _deadline(plan: Plan, settings: RunSettings, backends: int, begin: float) -> Deadline:
    cells = len(plan.items) * backends * len(settings.passes)
    return Deadline(within_s=settings.promised_s, fill_s=settings.within_s, report_s=report_seconds(cells), begin=begin)


def _most_searches(plan: Plan, settings: RunSettings, backends: int) -> int:
    """For the largest batch: one a subject and backend."""
    return len(subjects_of(plan, settings)) * backends if settings.find_largest_batch else 0


def _sampler(
    settings: RunSettings,
    state: RunState,
    workers: Workers,
    speeds: CoreSpeeds,
    *,
    timed_results: TimedResults,
    deadline: Deadline,
) -> Sampler:
    """A run that goes on draws other turns than the one that it goes on from."""
    seed = f"{settings.seed} {len(state.resumed)}" if state.resumed else ""
    load = OtherLoad(workers.own_s)
    return Sampler(settings, state, load, speeds, timed_results, seed=seed, left_s=deadline.left_s)


def _peaks(settings: RunSettings, backends: Sequence[Registered]) -> Callable[[DType], float] | None:
    """What the cores can compute at most, by the entrant with most threads; of an accelerator it is not known."""
    if settings.device != "cpu":
        return None
    threads = max([settings.threads, *(entry.threads for entry in backends)])
    return lambda dtype: peak_flops_per_s(dtype, threads)


def _phases(context: RunContext) -> Iterator[Happening]:
    settings, plan = context.settings, context.plan
    least, most = (
        steps_of(plan, len(context.backends), settings, blocks) for blocks in (settings.blocks, settings.most_blocks)
    )
    yield Begun(least, most, settings.within_s)
    yield from _warnings(context)
    yield from first_block(context)
    if settings.memory:
        with context.stopwatch.spending("memory"):
            yield from memory_events(context)
    if settings.timing:
        yield from further_blocks(context)
        yield from missing_limits(context)
    if settings.find_largest_batch:
        with context.stopwatch.spending("memory"):
            yield from largest_batch_events(context)


def _warnings(context: RunContext) -> Iterator[WarningGiven]:
    """Before anything runs: what does not fit into memory or time, and whether memory can be measured."""
    late = context.promise.warning(len(context.backends))
    if late:
        yield WarningGiven(text=late)
    for item, reason in context.too_large.items():
        yield WarningGiven(text=f"{item.label} is skipped: {reason}")
    text = warning(context.settings.device) if context.settings.memory else None
    if text:
        yield WarningGiven(text=text)
