"""Times the backends at one item: warm-up, then rounds in which each is timed once, in random order.

- The first block warms a pass up until it gets no faster, and learns how many calls fill a sample; the other blocks,
  in fresh workers, keep that number and warm up as long, but no longer than WARM_UP_SAMPLES.
- The passes of an item take turns, a round each: what slows a machine down mostly lasts longer than the rounds of one
  pass would take in a row, and would be taken for a difference between blocks.
- A sample in which others used the machine is marked and taken again, a few times; all attempts stay in the journal.
  Where the machine is never left alone that ends: a run must end in its time.
- Right after a sample the cores' speed is looked at, while all workers are stopped. A slow core is only told of: it
  mostly stays slow for longer than a few attempts take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convbench.examination import Turn
from convbench.journal import CellKey, Journal
from convbench.measure.core_speed import CoreSpeeds
from convbench.measure.timing import settling_s
from convbench.neighbours import Neighbours
from convbench.pace import Pace
from convbench.plan import Item
from convbench.session import NotOk
from convbench.settings import RunSettings
from convbench_specs import PassName

MOST_ATTEMPTS = 3
"""At a sample that others disturb."""
MOST_REPEATED = 0.25
"""Share of a run's samples that may be taken again."""
WARM_UP_SHARE = 1 / 3
"""Of a cell's budget, for its warm-up."""
WARM_UP_SAMPLES = 1
"""What is compiled is compiled in the first call, or read from a cache; caches and clocks need no more than this."""


@dataclass(frozen=True, slots=True)
class _Loop:
    """Calls in a sample, and calls before the first."""

    calls: int
    warm_up_calls: int


class Timekeeper:
    """Keeps, through all blocks of a run, how each cell is timed. `fail` is told of a pass that failed."""

    def __init__(
        self,
        settings: RunSettings,
        journal: Journal,
        pace: Pace,
        neighbours: Neighbours,
        speeds: CoreSpeeds,
        *,
        step: Callable[[str], None],
        fail: Callable[[Item, str, PassName, NotOk], None],
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._pace = pace
        self._neighbours = neighbours
        self._speeds = speeds
        self._step = step
        self._fail = fail
        self._random = random.Random(settings.seed)  # noqa: S311  # an order of turns, no secret
        self._loops: dict[CellKey, _Loop] = {}
        self._blocks: dict[CellKey, int] = {}
        self._samples = 0
        self._repeated = 0
        self.later_rounds_s = 0.0
        """Seconds that rounds after the first of their block took."""

    def takes_part(self, key: CellKey, block: int) -> bool:
        """Whether a cell is timed in a block; in the first all are, but those that failed or were too slow."""
        return block < self._blocks.get(key, 0 if block else 1)

    def is_wanted(self, block: int) -> bool:
        """Whether any cell is timed in a block."""
        return any(block < blocks for blocks in self._blocks.values())

    def time(self, item: Item, turns: Mapping[PassName, Sequence[Turn]], block: int, most_rounds: int) -> None:
        """Time all passes of an item, each by the backends whose turn it is, in so many rounds at most."""
        racing: dict[PassName, list[Turn]] = {}
        for pass_name, able in turns.items():
            racing[pass_name] = [turn for turn in able if self._warm_up(item, pass_name, turn)]
            self._round(item, pass_name, racing[pass_name], block, 0)
        rounds = [self._pace.rounds(turn.call_s[name]) for name, able in racing.items() for turn in able]
        begin = time.monotonic()
        for number in range(1, min(most_rounds, max(rounds, default=0))):
            for pass_name, able in racing.items():
                self._round(item, pass_name, able, block, number)
        self.later_rounds_s += time.monotonic() - begin

    def _round(self, item: Item, pass_name: PassName, racing: list[Turn], block: int, number: int) -> None:
        """Time each backend once that has so many rounds; one that fails is taken out."""
        self._step(f"{item.label} {pass_name}: round {number + 1} of block {block + 1}")
        order = [turn for turn in racing if number < self._pace.rounds(turn.call_s[pass_name])]
        self._random.shuffle(order)
        for turn in order:
            if not self._sample(item, pass_name, turn, block, number):
                racing.remove(turn)

    def _warm_up(self, item: Item, pass_name: PassName, turn: Turn) -> bool:
        """Whether the backend is ready to be timed."""
        self._step(f"{item.label} {pass_name}: warming up {turn.session.name}")
        key = item.key(turn.session.name, pass_name)
        loop = self._loops.get(key)
        if loop is not None:
            calls = min(loop.warm_up_calls, WARM_UP_SAMPLES * max(1, loop.calls))
            again = turn.session.ask("sample", pass_name, loops=calls)
            turn.session.suspend()
            return self._is_fine(item, pass_name, turn, again)
        call_s = turn.call_s[pass_name]
        self._pace.remember(key, call_s)  # also of what is not timed: larger batches are predicted from it
        if reason := self._pace.too_slow(call_s):
            self._journal.cell(key, status="skipped", reason=reason)
            self._blocks[key] = 0
            return False
        self._blocks[key] = self._pace.blocks(call_s)
        limit_s = self._settings.budget_s * WARM_UP_SHARE
        reply = turn.session.ask("warm_up", pass_name, sample_s=self._settings.sample_s, limit_s=limit_s)
        turn.session.suspend()
        if not self._is_fine(item, pass_name, turn, reply):
            return False
        assert isinstance(reply, dict)
        self._loops[key] = _Loop(reply["loops"], reply["warm_up_calls"])
        self._journal.cell(key, warm_up_calls=reply["warm_up_calls"], steady=reply["steady"])
        return True

    def _sample(self, item: Item, pass_name: PassName, turn: Turn, block: int, number: int) -> bool:
        key = item.key(turn.session.name, pass_name)
        loops, settle_s = self._loops[key].calls, settling_s(self._pace.seconds(key))
        for _ in range(MOST_ATTEMPTS):
            reply = turn.session.ask("sample", pass_name, loops=loops, settle_s=settle_s)
            turn.session.suspend()
            if not self._is_fine(item, pass_name, turn, reply):
                return False
            assert isinstance(reply, dict)
            seen = {
                "contended": self._neighbours.disturb(reply["waited_s"], reply["elapsed_s"]),
                "core_slowdown": self._speeds.slowdown(),
            }
            self._journal.write("sample", **key.as_columns(), block=block, round=number, **seen, **reply)
            self._pace.remember(key, reply["elapsed_s"] / reply["loops"])
            self._samples += 1
            if not seen["contended"] or self._repeated >= MOST_REPEATED * self._samples:
                break
            self._repeated += 1
        return True

    def _is_fine(self, item: Item, pass_name: PassName, turn: Turn, reply: dict[str, Any] | NotOk) -> bool:
        """Whether a worker did as it was asked; where it did not, the cell is told and takes no further part."""
        if isinstance(reply, NotOk):
            self._fail(item, turn.session.name, pass_name, reply)
            self._blocks[item.key(turn.session.name, pass_name)] = 0
            return False
        return True
