"""Memory of one item's cells: peaks of the passes, and what each backend keeps between forward and backward.

Measured in workers with the pinned allocator, see measure/memory.py, one after the other: threads that wait for cores
do not hold all of their scratch memory at the same time, and a pass beside another would seem to need less. What cannot
be measured has no number, and says why: in `memory_source` of its cell, and in a warning of the run before anything is
measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from convbench.measure.memory import WHY_NOT, can_reset_peak
from convbench.plan.items import Item
from convbench.results.journal import CellKey
from convbench.workers.session import BackendSession, NotOk
from convbench_specs import PassName

REPEATS = 3
"""Readings of a pass, at most."""

Columns = list[tuple[CellKey, dict[str, Any]]]


def measure_memory(
    item: Item, wanted: Mapping[BackendSession, Sequence[PassName]], paths: Mapping[str, str]
) -> Columns:
    """Columns of each cell: memory of the passes of the item that are wanted, prepared on the tensors in `paths`."""
    return [
        columns for session, passes in wanted.items() if passes for columns in _measure(item, session, passes, paths)
    ]


def _measure(item: Item, session: BackendSession, passes: Sequence[PassName], paths: Mapping[str, str]) -> Columns:
    columns = Columns()
    session.prepare(item, paths)
    for pass_name in passes:
        reply = session.ask("memory", pass_name, repeats=REPEATS)
        found = {"memory_source": f"{reply.status}: {reply.reason}"} if isinstance(reply, NotOk) else _peaks(reply)
        columns.append((item.key(session.name, pass_name), found))
    trained = [pass_name for pass_name in passes if pass_name != "forward"]
    if trained:
        reply = session.ask("kept", trained[0], repeats=REPEATS)
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
