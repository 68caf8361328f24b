"""How fast the cores are at this moment, measured with two pieces of fixed work on each core.

A core may be slow for two reasons that the system's counts of steal, load and waiting do not show: another virtual
machine uses the core's second hardware thread, which costs up to half of its speed, or the clock goes down. A loop in
the interpreter becomes slower in both cases. A chain of steps in which each step waits for the one before (MD5) leaves
most of the core idle, so it becomes slower only with the clock. Both fit into the first-level cache and say nothing
about memory. Cores need not be alike, so each core is compared with its own best time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice

STEPS = 2_000
"""Iterations of the loop. They take about 20 us, which is too short for the scheduler to interrupt often."""
CHAIN = bytes(8192)
"""The bytes that are hashed, which takes about 11 us."""
SLOW = 1.4
"""A core is slow when the loop takes this many times its best. On a shared host the loop ran at two speeds, with little
between them: within 1.15 times the best, and 1.6 to 2.1 times the best. The chain stayed within 1.2 at both."""
MOST_CORES = 4
"""How many cores are timed at once. If there are more, they take turns. Each costs about 100 us."""
BETWEEN_TIMINGS_S = 0.01
"""Longer than timing MOST_CORES takes, so that the timing itself is no load."""


@dataclass(frozen=True, slots=True)
class CoreTiming:
    """Seconds that a core took for the loop and for the chain."""

    loop_s: float
    chain_s: float

    def or_better(self, other: CoreTiming) -> CoreTiming:
        """The smaller of each time, since a disturbance can only add to it."""
        return CoreTiming(min(self.loop_s, other.loop_s), min(self.chain_s, other.chain_s))


TimeCore = Callable[[int], CoreTiming | None]


def time_core(core: int) -> CoreTiming | None:
    """The better of two tries on a core; None if this process may not choose its core."""
    try:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):  # not Linux, or the core was taken away meanwhile
        return None
    try:
        return CoreTiming(min(_loop_s(), _loop_s()), min(_chain_s(), _chain_s()))
    finally:
        with suppress(OSError):  # these cores were taken away meanwhile: the system has chosen others
            os.sched_setaffinity(0, before)


class CoreSpeeds:
    """Knows the best time of each core, also from earlier runs, and compares the present times with it."""

    def __init__(
        self, cores: Sequence[int], known: Mapping[int, CoreTiming] | None = None, time_core: TimeCore = time_core
    ) -> None:
        self._turns = cycle(cores)
        self._at_once = min(MOST_CORES, len(cores))
        self._time_core = time_core
        self.best: dict[int, CoreTiming] = {core: best for core, best in (known or {}).items() if core in cores}

    def time_cores(self) -> dict[int, CoreTiming]:
        """Time each of the cores whose turn it is; empty if this process may not choose its core."""
        tried = {core: self._time_core(core) for core in islice(self._turns, self._at_once)}
        timings = {core: timing for core, timing in tried.items() if timing is not None}
        for core, timing in timings.items():
            self.best[core] = timing.or_better(self.best.get(core, timing))
        return timings

    def slowdown(self) -> float | None:
        """How many times its best the slowest of the timed cores takes now; None if no core could be timed."""
        return max((timing.loop_s / self.best[core].loop_s for core, timing in self.time_cores().items()), default=None)

    def watch(self, duration_s: float) -> Mapping[int, Sequence[CoreTiming]]:
        """Time the cores again and again for `duration_s` seconds; all timings by core."""
        end = time.monotonic() + duration_s
        timings: dict[int, list[CoreTiming]] = {}
        while time.monotonic() < end:
            for core, timing in self.time_cores().items():
                timings.setdefault(core, []).append(timing)
            time.sleep(BETWEEN_TIMINGS_S)
        return timings


def _loop_s() -> float:
    start = time.perf_counter_ns()
    for _ in range(STEPS):
        pass
    return (time.perf_counter_ns() - start) * 1e-9


def _chain_s() -> float:
    start = time.perf_counter_ns()
    hashlib.md5(CHAIN, usedforsecurity=False).digest()
    return (time.perf_counter_ns() - start) * 1e-9
