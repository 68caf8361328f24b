"""Memory of one item's cells: peaks of the passes, and what each backend keeps between forward and backward.

Measured in workers with the pinned allocator, see measure/memory.py. As many workers as there are cores do it at once,
where free memory is large beside the item's tensors. A pass whose threads have scratch memory of their own may then
need less than alone: they wait for cores and not all of them hold theirs at the same time. What cannot be measured has
no number, and says why: in `memory_source` of its cell, and in a warning of the run before anything is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from convbench.fitting import least_bytes
from convbench.journal import CellKey
from convbench.machine import free_bytes, usable_cores
from convbench.measure.memory import WHY_NOT, can_reset_peak
from convbench.plan import Item
from convbench.session import BackendSession, NotOk
from convbench_specs import Device, PassName

REPEATS = 3
WARM_CALLS = 2
"""A slow pass is measured once, after one call."""


ROOM = 10
"""Free memory is large beside tensors that it holds so many times: im2col of a 3 x 3 kernel holds its input nine times.
"""

Columns = list[tuple[CellKey, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class MemoryTurn:
    """One backend at one item: the passes whose memory is wanted; those in `slow` are called as little as can be."""

    session: BackendSession
    passes: Sequence[PassName]
    slow: Sequence[PassName]


def measure_memory(item: Item, turns: Sequence[MemoryTurn], paths: Mapping[str, str], device: Device) -> Columns:
    """Columns of each cell: memory of each pass of the item, prepared on the tensors in `paths`."""
    wanted = [turn for turn in turns if turn.passes]
    with _lanes(_at_once(item, len(wanted), device)) as pool:
        measured = [pool.submit(_measure, item, turn, paths) for turn in wanted]
        return [columns for future in measured for columns in future.result()]


def _at_once(item: Item, turns: int, device: Device) -> int:
    """How many workers may measure side by side; a device's memory is shared, and nothing here knows what is free."""
    if device != "cpu" or free_bytes() < ROOM * least_bytes(item, turns):
        return 1
    return max(1, min(turns, len(usable_cores())))


@contextmanager
def _lanes(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads, each of which waits for one worker; Ctrl-C does not wait for what they wait for."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="memory")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _measure(item: Item, turn: MemoryTurn, paths: Mapping[str, str]) -> Columns:
    session, columns = turn.session, Columns()
    session.prepare(item, paths)
    for pass_name in turn.passes:
        reply = _ask(session, "memory", pass_name, slow=pass_name in turn.slow)
        found = {"memory_source": f"{reply.status}: {reply.reason}"} if isinstance(reply, NotOk) else _peaks(reply)
        columns.append((item.key(session.name, pass_name), found))
    trained = [pass_name for pass_name in turn.passes if pass_name != "forward"]
    if trained:
        reply = _ask(session, "kept", trained[0], slow=bool(turn.slow))
        if not isinstance(reply, NotOk) and reply["kept_bytes"]:
            kept = {"kept_memory_bytes": int(median(reply["kept_bytes"]))}
            columns += [(item.key(session.name, pass_name), kept) for pass_name in trained]
    session.release()
    session.suspend()
    return columns


def warning(device: str) -> str | None:
    """What to tell before a run whose peaks of resident memory cannot be measured; None where they can."""
    if device != "cpu" or can_reset_peak():
        return None
    return f"{WHY_NOT}: there are no numbers of memory, but of backends with a counter of their own"


def _ask(session: BackendSession, request: str, pass_name: PassName, *, slow: bool) -> dict[str, Any] | NotOk:
    return session.ask(request, pass_name, warm_calls=1 if slow else WARM_CALLS, repeats=1 if slow else REPEATS)


def _peaks(reply: dict[str, Any]) -> dict[str, Any]:
    if not reply["peaks"]:
        return {"memory_source": f"not measured: {reply.get('why_not', WHY_NOT)}"}
    peaks = [peak["peak_bytes"] for peak in reply["peaks"]]
    return {
        "peak_memory_bytes": int(median(peaks)),
        "peak_memory_min_bytes": min(peaks),
        "peak_memory_max_bytes": max(peaks),
        "memory_source": reply["peaks"][0]["source"],
    }
