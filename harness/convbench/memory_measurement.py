"""Memory of one backend's cells: peaks of its passes, and what it keeps between forward and backward.

Measured in a worker with the pinned allocator, see measure/memory.py. What cannot be measured has no number, and says
why: in `memory_source` of its cell, and in a warning of the run before anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from convbench.journal import Journal
from convbench.measure.memory import WHY_NOT, can_reset_peak
from convbench.plan import Item
from convbench.session import BackendSession, NotOk
from convbench_specs import PassName

REPEATS = 3
WARM_CALLS = 2
"""A slow pass is measured once, after one call."""


def measure_memory(
    item: Item, session: BackendSession, passes: Sequence[PassName], slow: Sequence[PassName], journal: Journal
) -> None:
    """Write the memory of each pass of the prepared item; `slow` names those that are called as few times as can be."""
    for pass_name in passes:
        reply = _ask(session, "memory", pass_name, slow=pass_name in slow)
        columns = {"memory_source": f"{reply.status}: {reply.reason}"} if isinstance(reply, NotOk) else _peaks(reply)
        journal.cell(item.key(session.name, pass_name), **columns)
    trained = [pass_name for pass_name in passes if pass_name != "forward"]
    if not trained:
        return
    reply = _ask(session, "kept", trained[0], slow=bool(slow))
    if not isinstance(reply, NotOk) and reply["kept_bytes"]:
        kept = int(median(reply["kept_bytes"]))
        for pass_name in trained:
            journal.cell(item.key(session.name, pass_name), kept_memory_bytes=kept)


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
