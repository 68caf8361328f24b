"""Memory of cells: peaks of the passes, and what each backend keeps between forward and backward.

Measured in workers with the pinned allocator, see measure/memory.py, one after the other: threads that wait for cores
do not hold all of their scratch memory at the same time, and a pass beside another would seem to need less. Before,
they prepare their case and call each pass once, several at a time, so that nothing is left to compile. What cannot be
measured has no number, and says why: in `memory_source` of its cell, and in a warning of the run before anything is
measured. Nor has a cell of which a framework's own counter shows less than its results take: an arena that had freed
memory of the right size at hand counts nothing, and that is no peak.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import msgspec

from convbench.measure.memory import RESIDENT, WHY_NOT, can_reset_peak
from convbench.plan.items import CellKey, Item
from convbench.plan.status import Status
from convbench.results.events.schema import MemoryMeasured, Recorded, WarningGiven, fields_of
from convbench.run.context import RunContext
from convbench.run.progress import Doing, Progress, StepsDone
from convbench.run.sessions import ItemEntrant, launch, together
from convbench.run.timing.left_out import ItemCost
from convbench.run.timing.promise import left_out_text, reason
from convbench.text.units import format_bytes
from convbench.verify import make_tensors
from convbench.workers import protocol
from convbench.workers.arrays import write_tensors
from convbench.workers.environment import PINNED_ALLOCATOR
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import output_bytes

REPEATS = 3
"""Readings of a pass, at most."""
FAULTS = tuple(f"{status}: " for status in (Status.ERROR, Status.CRASHED, Status.TIMED_OUT))
"""How the source of a memory begins that a backend's fault has kept from being measured."""


def memory_events(context: RunContext) -> Iterator[Recorded | Progress]:
    """Memory of every cell that has a result and no number yet, in fresh workers with the pinned allocator.

    Items that do not fit into the run's time are left out, the dearest first.
    """
    promise, left_out, faults = context.promise, [], dict[str, str]()
    with context.workers.block(PINNED_ALLOCATOR) as sessions:
        wanted = {item: entrants for item in context.plan.items if (entrants := _wanted(context, item, sessions))}
        to_come = [item.item_key for item in wanted]
        if len(promise.memory_of(to_come, started=False).left_out) < len(to_come):
            yield Doing("memory: starting fresh workers")
            begin = context.elapsed_s()
            launch(sessions)
            promise.start_s = context.elapsed_s() - begin
        for item in context.plan.items:
            if item in wanted:
                if item.item_key in promise.memory_of(to_come, started=True).left_out:
                    left_out.append(item.label)
                    yield from _left_out(context, item, wanted[item])
                else:
                    begin = context.elapsed_s()
                    yield Doing(f"{item.label}: memory", timed=True)
                    for measured in _measure(context, item, wanted[item]):
                        if measured.memory_source.startswith(FAULTS):
                            faults.setdefault(measured.backend, f"{item.label}: {measured.memory_source}")
                        yield measured
                    promise.memory[item.item_key] = ItemCost(context.elapsed_s() - begin)
                to_come.remove(item.item_key)
            yield StepsDone(context.cells_of_item)
    for backend, text in faults.items():
        yield WarningGiven(text=f"the memory of {backend} could not be measured, first at {text}")
    if left_out:
        yield WarningGiven(text=left_out_text("the memory of these was not measured", left_out, context.settings))


def _measure(context: RunContext, item: Item, entrants: Sequence[ItemEntrant]) -> Iterator[MemoryMeasured]:
    tensors = make_tensors(item.case, item.batch_size, seed=context.settings.seed)
    paths = write_tensors(context.scratch, tensors)
    together(entrants, lambda entrant: _made_ready(item, entrant, paths))
    for entrant in entrants:
        yield from measure_memory(item, entrant)


def _left_out(context: RunContext, item: Item, entrants: Sequence[ItemEntrant]) -> Iterator[MemoryMeasured]:
    source = f"not measured: {reason(context.settings)}"
    for entrant in entrants:
        for name in entrant.passes:
            yield MemoryMeasured(**fields_of(item.key(entrant.session.name, name)), memory_source=source)


def _made_ready(item: Item, entrant: ItemEntrant, paths: Mapping[str, str]) -> None:
    """Have a worker prepare the item and call each pass once, so that nothing is left to trace or compile."""
    entrant.session.prepare(item, paths)
    for name in entrant.passes:
        entrant.session.ask(protocol.Sample(pass_name=name, loops=1))


def measure_memory(item: Item, entrant: ItemEntrant) -> list[MemoryMeasured]:
    """Memory of a backend's passes, whose worker holds the item."""
    session, found = entrant.session, []
    for name in entrant.passes:
        reply = session.ask(protocol.ReadPeaks(pass_name=name, repeats=REPEATS))
        least = output_bytes(item.case, item.batch_size, name)
        found.append(_measured(item.key(session.name, name), reply, least))
    kept = _kept_bytes(session) if any(name != "forward" for name in entrant.passes) else None
    session.release()
    session.suspend()
    if kept is None:
        return found
    return [
        each if each.pass_name == "forward" else msgspec.structs.replace(each, kept_memory_bytes=kept) for each in found
    ]


def warning(device: str) -> str | None:
    """What to tell before a run whose peaks of resident memory cannot be measured; None where they can."""
    if device != "cpu" or can_reset_peak():
        return None
    return f"{WHY_NOT}: only backends with a memory counter of their own have numbers"


def _wanted(context: RunContext, item: Item, sessions: list[BackendSession]) -> list[ItemEntrant]:
    """The backends with a cell whose memory is not known."""
    cells = context.state.cells
    return [
        entrant
        for entrant in context.taking_part(item, sessions)
        if any("memory_source" not in cells[item.key(entrant.session.name, name)] for name in entrant.passes)
    ]


def _kept_bytes(session: BackendSession) -> int | None:
    reply = session.ask(protocol.ReadKept(repeats=REPEATS))
    return None if isinstance(reply, Failure) or not reply.kept_bytes else int(median(reply.kept_bytes))


def _measured(key: CellKey, reply: protocol.PeaksRead | Failure, least_bytes: int) -> MemoryMeasured:
    """The event for the readings of a cell whose results take `least_bytes`."""
    fields = fields_of(key)
    if isinstance(reply, Failure):
        return MemoryMeasured(**fields, memory_source=f"{reply.status}: {reply.reason}")
    if not reply.peaks:
        return MemoryMeasured(**fields, memory_source=f"not measured: {reply.why_not or WHY_NOT}")
    peaks, source = [peak.peak_bytes for peak in reply.peaks], reply.peaks[0].source
    if not source.startswith(RESIDENT) and median(peaks) < least_bytes:
        counted = f"{source} counted {format_bytes(median(peaks))}, less than the results ({format_bytes(least_bytes)})"
        return MemoryMeasured(**fields, memory_source=f"not measured: {counted}")
    return MemoryMeasured(
        **fields,
        memory_source=source,
        peak_memory_bytes=int(median(peaks)),
        peak_memory_min_bytes=min(peaks),
        peak_memory_max_bytes=max(peaks),
    )
