"""How a run keeps the time that it promised: what it has measured so far tells what is to come, and what of it fits.

Pure but for the deadline's clock: phases say what they have spent, and ask what to do next. An item that is begun in
the first block is meant to get everything, its memory and the blocks that were asked for; what would be too much for
that is left out of the first block. Later phases leave out what has become too much since, as where others began to use
the machine. What comes in any case is the start of the workers and the check of the first item.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf

from convbench.plan.items import ItemKey
from convbench.plan.settings import RunSettings
from convbench.run.timing.deadline import Deadline
from convbench.run.timing.left_out import Fit, ItemCost, fit, forecast, half, repeated

PREPARING = 0.3
MEMORY = 0.5
"""First guesses, until one is known: what preparing an item in a later block, and measuring its memory, take of the
time of its check."""
FIRST = 0.5
"""Share of the time of the first check that another one of the same item would take."""
TOO_MUCH = 0.3
"""Share by which the cost of items to come mostly is guessed too high: those before them paid for compiling. Nothing is
left out for so little; what turns out to take longer, later phases leave out."""
SEARCHING = 1 / 3
"""Of the promised time, set aside for searches of the largest batch."""
STARTING_S = 5.0
"""A worker's start and first case, as a cautious guess before anything is known."""


@dataclass(slots=True)
class Promise:
    """What a run has spent, and what still fits into its time.

    `checks`, `blocks` and `memory` are what items have cost, `start_s` what starting all workers of a block has.
    """

    settings: RunSettings
    deadline: Deadline
    searches: int = 0
    """For the largest batch, that are to come."""
    start_s: float = 0.0
    checks: dict[ItemKey, ItemCost] = field(default_factory=dict)
    blocks: dict[ItemKey, ItemCost] = field(default_factory=dict)
    memory: dict[ItemKey, ItemCost] = field(default_factory=dict)
    prepared: set[ItemKey] = field(default_factory=set)
    """Items whose cost in `blocks` contains preparing them."""
    limits_were_late: bool = False
    """Whether the first block had no time for all limits of the machine."""

    def spent_on_block(self, key: ItemKey, cost: ItemCost, *, prepared: bool) -> None:
        """An item has been timed; where it was not prepared for it, a later block takes that in addition."""
        self.blocks[key] = cost
        if prepared:
            self.prepared.add(key)

    def patience_s(self) -> float:
        """How long an answer of a worker is waited for; in the first check as long as it takes."""
        return self.deadline.patience_s() if self.checks else inf

    def first_block(self, to_come: Collection[ItemKey]) -> Fit:
        """What of the first block's items still fits, each with what is to follow.

        Before an item is left out, fewer blocks are to follow: what is to come is only guessed, and may be less. Where
        even so most items would be left out, memory is not to follow either.
        """
        if not self.checks:
            return Fit(self.settings.rounds, frozenset())
        for more in range(self.settings.blocks - 1, -1, -1):
            found = self._first_block(to_come, more, memory=self.settings.memory)
            if not found.left_out:
                return found
        for more, memory in ((self.settings.blocks - 1, self.settings.memory), (0, self.settings.memory), (0, False)):
            found = self._first_block(to_come, more, memory=memory)
            if 2 * len(found.left_out) <= len(to_come):
                break
        return found

    def _first_block(self, to_come: Collection[ItemKey], more: int, *, memory: bool) -> Fit:
        """What fits where so many further blocks and memory are to follow."""
        rounds, least = self.settings.rounds, half(self.settings.rounds)
        checks, blocks = self._checks(to_come), self._blocks([*self.blocks, *to_come])
        peaks = self._memory([*self.checks, *to_come]) if memory else {}
        costs = {
            key: checks[key] + peaks.get(key, NOTHING) + blocks.get(key, NOTHING).times(1 + more) for key in to_come
        }
        begun = sum(peaks.get(key, NOTHING).of(0) for key in self.checks)
        begun += more * sum(cost.of(least) for key, cost in blocks.items() if key not in costs)
        starts = (more + memory) * self.start_s
        guessed = TOO_MUCH * sum(cost.of(least) for cost in costs.values())
        return fit(costs, self.deadline.left_s() + guessed - begun - starts - self._searching_s(), rounds)

    def limits_s(self) -> float:
        """Seconds in which the machine's limits may be looked for."""
        memory = sum(cost.of(0) for cost in self._memory(self.checks).values()) + self.settings.memory * self.start_s
        left_s = self.deadline.left_s() - self._searching_s()
        return left_s - memory - self._further_s(left_s - memory)

    def memory_of(self, to_come: Collection[ItemKey], *, started: bool) -> Fit:
        """Which items' memory fits, before the blocks that were asked for."""
        costs = self._memory(to_come)
        left_s = self.deadline.left_s() - self._searching_s() - (0.0 if started else self.start_s)
        further_s = self._further_s(left_s - sum(cost.of(0) for cost in costs.values()))
        return fit(costs, left_s - further_s, 0, 0)

    def block(self, to_come: Collection[ItemKey], rounds: int, until_s: float, *, started: bool) -> Fit:
        """What of a block fits until the run is until_s old."""
        costs = self._blocks(to_come)
        left_s = until_s - self.deadline.elapsed_s() - (0.0 if started else self.start_s)
        return fit(costs, left_s, rounds, min(rounds, half(self.settings.rounds)))

    def end_of_block(self, block: int) -> float:
        """How old the run may be at the end of a block: those that were asked for share what is left."""
        asked = max(1, self.settings.blocks - block)
        return self.deadline.elapsed_s() + (self.deadline.left_s() - self._searching_s()) / asked

    def fill_left_s(self) -> float:
        """Seconds that may be filled with blocks beyond those that were asked for."""
        return self.deadline.fill_left_s() - self._searching_s()

    def search_s(self, searches: int) -> float:
        """Seconds of the next of so many searches for the largest batch."""
        return min(self.settings.search_s, self.deadline.left_s() / max(1, searches))

    def warning(self, backends: int) -> str:
        """What to say at the start of a run whose time may not even do for what comes in any case; mostly nothing."""
        if self.deadline.left_s() >= STARTING_S * (1 + backends):
            return ""
        return (
            f"the run must end within {self.deadline.within_s:g} s (--within). What does not fit is left out; only the "
            "start of the workers and the check of the first case are always done, and they may take longer"
        )

    def _checks(self, keys: Collection[ItemKey]) -> dict[ItemKey, ItemCost]:
        return forecast(_usual(self.checks), keys)

    def _blocks(self, keys: Collection[ItemKey]) -> dict[ItemKey, ItemCost]:
        again = repeated(self.checks)
        known = {
            key: cost if key in self.prepared else cost + again.get(key, NOTHING).times(PREPARING)
            for key, cost in self.blocks.items()
        }
        return forecast(known, keys)

    def _memory(self, keys: Collection[ItemKey]) -> dict[ItemKey, ItemCost]:
        """What memory will cost: by the checks of the same items, and by what it took of those that are done."""
        if not self.settings.memory:
            return {}
        again = repeated(self.checks)
        checks = forecast(_usual(again), keys)
        done = [key for key in self.memory if key in again]
        spent, checked = (sum(costs[key].of(0) for key in done) for costs in (self.memory, again))
        share = spent / checked if checked else MEMORY
        return {key: ItemCost(share * cost.fixed_s) for key, cost in checks.items()}

    def _further_s(self, left_s: float) -> float:
        """Seconds of the blocks that were asked for after the first, of half their rounds: as many as fit."""
        block_s = self.start_s + sum(cost.of(half(self.settings.rounds)) for cost in self._blocks(self.blocks).values())
        fitting = int(min(left_s / block_s, self.settings.blocks)) if block_s > 0 and left_s > 0 else 0
        return min(self.settings.blocks - 1, fitting) * block_s

    def _searching_s(self) -> float:
        if not self.searches:
            return 0.0
        return min(self.searches * self.settings.search_s, SEARCHING * self.deadline.within_s)


def _usual(checks: Mapping[ItemKey, ItemCost]) -> dict[ItemKey, ItemCost]:
    """What checks usually cost: of the first, in which frameworks do what they do once, only a share."""
    first = next(iter(checks), None)
    return {key: cost.times(FIRST) if key == first else cost for key, cost in checks.items()}


NOTHING = ItemCost(0.0)


def reason(settings: RunSettings) -> str:
    """Why something is left out, as its row and the warning of the run say it."""
    return f"left out so that the run ends within {settings.within_s:g} s, the slowest first (--within)"


def left_out_text(what: str, labels: Mapping[str, str] | Collection[str], settings: RunSettings) -> str:
    """A sentence on what was left out; long lists are cut, with the number of the rest."""
    names = list(labels)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"to end within {settings.within_s:g} s, {what}: {', '.join(names[:SHOWN])}{more} (--within allows more time)"
    )


SHOWN = 3
"""Items that a warning names."""
