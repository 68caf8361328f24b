"""Whether others use the processor beside the workers of a run, from the kernel's counts.

A waiting task alone does not show it: a framework that starts more threads than it was given cores waits for itself,
and taking its samples again until it does not would flatter it. So others must also have used processor time: what all
cores were busy, less what this process and its workers used. Ticks of 10 ms make that coarse, hence the windows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from convbench.machine.pressure import is_contended

WINDOW_S = 0.5
"""50 ticks of the kernel's clock: what is counted is right to a few hundredths of a core."""
MOST_CORES = 0.1
"""Others that use less disturb less than a sample's own spread."""
BUSY = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds so far: of the clock, of all busy cores, of our own processes, and stolen by the machine's host."""

    at_s: float
    busy_s: float
    own_s: float
    stolen_s: float


def look(own_s: float) -> Look:
    """Read the kernel's counts."""
    times = psutil.cpu_times()
    busy = sum(getattr(times, kind, 0.0) for kind in BUSY)
    return Look(time.monotonic(), busy, own_s, getattr(times, "steal", 0.0))


class Neighbours:
    """Keeps a look at the others. `own_s` gives the processor seconds of this process and its workers so far."""

    def __init__(self, own_s: Callable[[], float], looking: Callable[[float], Look] = look) -> None:
        self._own_s = own_s
        self._look = looking
        self._last = looking(own_s())
        self._foreign_cores = 0.0
        self._stolen_cores = 0.0

    def disturb(self, waited_s: float | None, elapsed_s: float) -> bool:
        """Whether a sample that just ended was disturbed: others or the host took cores, and some task had to wait."""
        self._update()
        waited = self._foreign_cores > MOST_CORES and is_contended(waited_s, elapsed_s)
        return waited or self._stolen_cores > MOST_CORES

    def _update(self) -> None:
        if time.monotonic() - self._last.at_s < WINDOW_S:
            return
        before, self._last = self._last, self._look(self._own_s())
        window = max(self._last.at_s - before.at_s, 1e-9)
        own = self._last.own_s - before.own_s
        if own < 0:  # workers were replaced: nothing can be said of this window
            return
        self._foreign_cores = (self._last.busy_s - before.busy_s - own) / window
        self._stolen_cores = (self._last.stolen_s - before.stolen_s) / window


OtherLoad = Neighbours
