"""Whether other programs use the processor during a run, found from the kernel's counts.

It is not enough that some task waited for a processor: a framework that starts more threads than it has cores waits for
itself, and taking its samples again until it does not would favour it. So other programs must also have used processor
time: the busy time of all cores minus that of this process and its workers. The kernel counts in steps of 10 ms, so the
difference is taken over windows that are long enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from convbench.machine.pressure import is_contended

WINDOW_S = 0.5
"""50 steps of the kernel's clock, so that the count is right to a few hundredths of a core."""
MOST_CORES = 0.1
"""Other programs that use fewer cores than this disturb a sample less than its own spread."""
BUSY = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds so far: on the clock, busy on all cores, used by our own processes, and stolen by the host."""

    at_s: float
    busy_s: float
    own_s: float
    stolen_s: float


def read_cpu_times(own_s: float) -> CpuTimes:
    """Read the kernel's counts."""
    times = psutil.cpu_times()
    busy = sum(getattr(times, kind, 0.0) for kind in BUSY)
    return CpuTimes(time.monotonic(), busy, own_s, getattr(times, "steal", 0.0))


class OtherLoad:
    """Watches what other programs use.

    `own_s` returns the processor seconds that this process and its workers have used so far.
    """

    def __init__(self, own_s: Callable[[], float], read: Callable[[float], CpuTimes] = read_cpu_times) -> None:
        self._own_s = own_s
        self._read = read
        self._last = read(own_s())
        self._foreign_cores = 0.0
        self._stolen_cores = 0.0

    def disturb(self, waited_s: float | None, elapsed_s: float) -> bool:
        """Whether the sample that has just ended was disturbed.

        It was if other programs used cores and some task waited, or if the machine's host took cores away.
        """
        self._update()
        waited = self._foreign_cores > MOST_CORES and is_contended(waited_s, elapsed_s)
        return waited or self._stolen_cores > MOST_CORES

    def _update(self) -> None:
        if time.monotonic() - self._last.at_s < WINDOW_S:
            return
        before, self._last = self._last, self._read(self._own_s())
        window = max(self._last.at_s - before.at_s, 1e-9)
        own = self._last.own_s - before.own_s
        if own < 0:  # workers were replaced, so nothing can be said about this window
            return
        self._foreign_cores = (self._last.busy_s - before.busy_s - own) / window
        self._stolen_cores = (self._last.stolen_s - before.stolen_s) / window
