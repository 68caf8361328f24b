"""How much of the processor other programs use: the difference between two readings of the kernel's counts.

Foreign time is busy time on the usable cores that is not our own; in a container it includes processes that cannot be
seen from inside. Steal is time that the host of a virtual machine gave to other virtual machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convbench.machine.other_load import BUSY

MOST_NAMED = 3
"""How many processes are named; in most cases these explain the load."""
LEAST_NAMED = 0.02
"""A process that uses fewer cores than this is not named."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Seconds of each core (psutil's cpu_times), of this process, and of other processes by (id, name)."""

    at_s: float
    cores: tuple[object, ...]
    own_s: float
    processes: Mapping[tuple[int, str], float]


@dataclass(frozen=True, slots=True)
class ProcessorUse:
    """Cores that other programs and the host took during a window, and the busiest of the visible processes."""

    window_s: float
    foreign_cores: float
    steal_cores: float | None
    busiest: tuple[tuple[str, float], ...] = ()


def use_between(before: Snapshot, after: Snapshot, usable: Sequence[int]) -> ProcessorUse:
    """What was used between two readings, on the cores `usable`."""
    window = max(after.at_s - before.at_s, 1e-9)
    cores = [core for core in usable if core < min(len(before.cores), len(after.cores))]
    busy = sum(_spent(before, after, core, kind) for core in cores for kind in BUSY)
    foreign = max(0.0, busy - (after.own_s - before.own_s))
    tells_steal = all(hasattr(times, "steal") for times in after.cores)
    steal = sum(_spent(before, after, core, "steal") for core in cores) if tells_steal else None
    spent = {key: (seconds - before.processes.get(key, seconds)) / window for key, seconds in after.processes.items()}
    busiest = sorted(((name, share) for (_, name), share in spent.items() if share >= LEAST_NAMED), key=lambda e: -e[1])
    return ProcessorUse(
        window_s=window,
        foreign_cores=foreign / window,
        steal_cores=None if steal is None else steal / window,
        busiest=tuple(busiest[:MOST_NAMED]),
    )


def _spent(before: Snapshot, after: Snapshot, core: int, kind: str) -> float:
    # the kernel's counts may go back by one step
    return max(0.0, float(getattr(after.cores[core], kind, 0.0)) - float(getattr(before.cores[core], kind, 0.0)))
