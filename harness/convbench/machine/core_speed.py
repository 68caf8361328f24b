"""How fast the cores are at a moment, by two pieces of fixed work on each.

Another machine of the host on the other hardware thread of a core takes up to half of it, and so does a clock that goes
down; neither shows as steal, as load or as waiting. A loop in the interpreter feels both. A chain of steps, each of
which waits for the one before (MD5), leaves most of a core idle and feels only the clock. Both stay in the first-level
cache: they tell nothing of memory. A core is held against its own best, as cores need not be alike.
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
"""Of the loop: some 20 us, too short for the scheduler to come between often."""
CHAIN = bytes(8192)
"""What is hashed: some 11 us."""
SLOW = 1.4
"""A core that takes so many times its best for the loop is slow. Looks on a shared host had two speeds, within 1.15 of
the best and 1.6 to 2.1 times as slow, and little between; the chain was within 1.2 in both."""
MOST_CORES = 4
"""Cores of one look; where there are more they take turns. Each costs some 100 us."""
BETWEEN_LOOKS_S = 0.01
"""Longer than a look at MOST_CORES takes, so that looking itself is no load."""


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds that a core took for the loop and for the chain."""

    loop_s: float
    chain_s: float

    def or_better(self, other: Look) -> Look:
        """The less of each: disturbances only add."""
        return Look(min(self.loop_s, other.loop_s), min(self.chain_s, other.chain_s))


Looking = Callable[[int], Look | None]


def look(core: int) -> Look | None:
    """The better of two tries on a core; None where this process may not choose its core."""
    try:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):  # not Linux, or the core was taken away meanwhile
        return None
    try:
        return Look(min(_loop_s(), _loop_s()), min(_chain_s(), _chain_s()))
    finally:
        with suppress(OSError):  # these cores were taken away meanwhile: the system has chosen others
            os.sched_setaffinity(0, before)


class CoreSpeeds:
    """Keeps each core's best, which may be known from before, and tells how far from it the cores are."""

    def __init__(self, cores: Sequence[int], known: Mapping[int, Look] | None = None, looking: Looking = look) -> None:
        self._turns = cycle(cores)
        self._at_once = min(MOST_CORES, len(cores))
        self._looking = looking
        self.best: dict[int, Look] = {core: best for core, best in (known or {}).items() if core in cores}

    def look(self) -> dict[int, Look]:
        """A look at each of the cores whose turn it is; none where nothing can tell."""
        looks = {core: self._looking(core) for core in islice(self._turns, self._at_once)}
        seen = {core: found for core, found in looks.items() if found is not None}
        for core, found in seen.items():
            self.best[core] = found.or_better(self.best.get(core, found))
        return seen

    def slowdown(self) -> float | None:
        """How many times its best so far the slowest core takes that is looked at; None where nothing can tell."""
        return max((found.loop_s / self.best[core].loop_s for core, found in self.look().items()), default=None)

    def watch(self, duration_s: float) -> Mapping[int, Sequence[Look]]:
        """Look at the cores for a while."""
        end = time.monotonic() + duration_s
        seen: dict[int, list[Look]] = {}
        while time.monotonic() < end:
            for core, found in self.look().items():
                seen.setdefault(core, []).append(found)
            time.sleep(BETWEEN_LOOKS_S)
        return seen


def _loop_s() -> float:
    start = time.perf_counter_ns()
    for _ in range(STEPS):
        pass
    return (time.perf_counter_ns() - start) * 1e-9


def _chain_s() -> float:
    start = time.perf_counter_ns()
    hashlib.md5(CHAIN, usedforsecurity=False).digest()
    return (time.perf_counter_ns() - start) * 1e-9
