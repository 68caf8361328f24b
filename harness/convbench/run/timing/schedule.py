"""Blocks that fill a run's time: whole ones as long as they fit, then one of fewer rounds. Pure functions, no I/O.

How many there are depends on the time that they take, never on what they show.
"""

from __future__ import annotations

from dataclasses import dataclass

from convbench.plan.items import Plan
from convbench.plan.settings import RunSettings
from convbench.run.timing.left_out import half

MANY = 1000
"""Blocks; no run has more."""


@dataclass(frozen=True, slots=True)
class BlockCost:
    """Seconds that a block of all rounds took, and each of its rounds after the first, whose warm-ups come with it."""

    seconds: float
    round_s: float

    def of(self, fewer: int, rounds: int) -> float:
        """Seconds of a block that has fewer rounds."""
        return self.seconds - (rounds - fewer) * self.round_s


def rounds_that_fit(left_s: float, cost: BlockCost | None, rounds: int) -> int:
    """Rounds of a block that likely ends in the time that is left: all, or at least half of them, else none.

    >>> cost = BlockCost(seconds=16.0, round_s=1.5)
    >>> [rounds_that_fit(left, cost, 6) for left in (40.0, 16.0, 15.0, 11.5, 11.4)]
    [6, 6, 5, 3, 0]
    """
    if cost is None:
        return 0
    return next((fewer for fewer in range(rounds, half(rounds) - 1, -1) if cost.of(fewer, rounds) <= left_s), 0)


def blocks_that_fit(left_s: float, cost: BlockCost | None, rounds: int) -> int:
    """Whole blocks that likely end in the time that is left, and one of fewer rounds if it has room."""
    if cost is None or cost.seconds <= 0:
        return 0
    whole = int(min(max(0.0, left_s) / cost.seconds, MANY))
    return whole + (rounds_that_fit(left_s - whole * cost.seconds, cost, rounds) > 0)


def steps_of(plan: Plan, backends: int, settings: RunSettings, blocks: int) -> int:
    """What a run of so many blocks counts as steps: cells, once for each thing that is done with them."""
    cells = len(plan.items) * backends * len(settings.passes)
    return cells * (1 + settings.timing * blocks + settings.memory)
