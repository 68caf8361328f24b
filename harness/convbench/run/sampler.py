"""Times the backends at one item: warm-up, then rounds in which each has one turn, in random order.

- The first block warms a pass up until it gets no faster, and learns how many calls fill a sample; the other blocks,
  in fresh workers, keep that number and warm up as long, but no longer than WARM_UP_SAMPLES.
- In its turn a backend is woken, times each of its passes once, in random order, and is stopped. So each pass has its
  rounds spread over all the time that an item takes: what slows a machine down mostly lasts longer than the rounds of
  one pass would take in a row, and would be taken for a difference between blocks.
- A sample in which others used the machine is marked and taken again, a few times; all attempts stay in the journal.
  Where the machine is never left alone that ends: a run must end in its time.
- Right after a turn the cores' speed is looked at, while all workers are stopped. A slow core is only told of: it
  mostly stays slow for longer than a few attempts take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from convbench.machine.core_speed import CoreSpeeds
from convbench.machine.other_load import OtherLoad
from convbench.measure.timing import settling_s
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.results.journal import CellKey, Journal
from convbench.run.budget import Pace
from convbench.run.check_item import Turn
from convbench.workers.session import NotOk
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
        neighbours: OtherLoad,
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

    def time(self, item: Item, turns: Sequence[Turn], block: int, most_rounds: int) -> None:
        """Time the passes of an item in so many rounds at most; a turn loses the passes that fail."""
        for turn in turns:
            self._warm_up(item, turn)
        rounds = [self._pace.rounds(call_s) for turn in turns for call_s in turn.call_s.values()]
        for number in range(min(most_rounds, max(rounds, default=0))):
            begin = time.monotonic()
            self._step(f"{item.label}: round {number + 1} of block {block + 1}")
            for turn in self._random.sample(turns, len(turns)):
                self._take(item, turn, block, number)
            if number:
                self.later_rounds_s += time.monotonic() - begin

    def _warm_up(self, item: Item, turn: Turn) -> None:
        """Make a backend ready to be timed."""
        for pass_name in list(turn.call_s):
            self._step(f"{item.label} {pass_name}: warming up {turn.session.name}")
            known = self._loops.get(item.key(turn.session.name, pass_name))
            if known is None:
                self._warm_up_first(item, pass_name, turn)
            else:
                calls = min(known.warm_up_calls, WARM_UP_SAMPLES * max(1, known.calls))
                self._answer(item, pass_name, turn, "sample", loops=calls)
        turn.session.suspend()

    def _warm_up_first(self, item: Item, pass_name: PassName, turn: Turn) -> None:
        key, call_s = item.key(turn.session.name, pass_name), turn.call_s[pass_name]
        self._pace.remember(key, call_s)  # also of what is not timed: larger batches are predicted from it
        if reason := self._pace.too_slow(call_s):
            self._journal.cell(key, status="skipped", reason=reason)
            self._drop(item, pass_name, turn)
            return
        self._blocks[key] = self._pace.blocks(call_s)
        limit_s = self._settings.budget_s * WARM_UP_SHARE
        sample_s = self._settings.sample_s
        reply = self._answer(item, pass_name, turn, "warm_up", sample_s=sample_s, limit_s=limit_s)
        if reply is not None:
            self._loops[key] = _Loop(reply["loops"], reply["warm_up_calls"])
            self._journal.cell(key, warm_up_calls=reply["warm_up_calls"], steady=reply["steady"])

    def _take(self, item: Item, turn: Turn, block: int, number: int) -> None:
        """A backend's turn in a round, taken again for the passes in which others disturbed."""
        passes = [name for name, call_s in turn.call_s.items() if number < self._pace.rounds(call_s)]
        for _ in range(MOST_ATTEMPTS):
            if not passes:
                return
            samples = self._samples_of(item, turn, self._random.sample(passes, len(passes)))
            core_slowdown = self._speeds.slowdown()
            passes = []
            for pass_name, sample in samples.items():
                key = item.key(turn.session.name, pass_name)
                contended = self._neighbours.disturb(sample["waited_s"], sample["elapsed_s"])
                seen = {"contended": contended, "core_slowdown": core_slowdown}
                self._journal.write("sample", **key.as_columns(), block=block, round=number, **seen, **sample)
                self._pace.remember(key, sample["elapsed_s"] / sample["loops"])
                self._samples += 1
                if contended and self._repeated < MOST_REPEATED * self._samples:
                    self._repeated += 1
                    passes.append(pass_name)

    def _samples_of(self, item: Item, turn: Turn, passes: Sequence[PassName]) -> dict[PassName, dict[str, Any]]:
        """A sample of each pass, one after the other; then the backend is stopped."""
        samples, woken = {}, True
        for pass_name in passes:
            key = item.key(turn.session.name, pass_name)
            settle_s = settling_s(self._pace.seconds(key), woken=woken)
            sample = self._answer(item, pass_name, turn, "sample", loops=self._loops[key].calls, settle_s=settle_s)
            if sample is not None:
                samples[pass_name], woken = sample, False
        turn.session.suspend()
        return samples

    def _answer(
        self, item: Item, pass_name: PassName, turn: Turn, request: str, **fields: Any
    ) -> dict[str, Any] | None:
        """What a worker answers; None where it failed, of which the cell is told, and takes no further part."""
        reply = turn.session.ask(request, pass_name, **fields)
        if not isinstance(reply, NotOk):
            return reply
        self._fail(item, turn.session.name, pass_name, reply)
        self._drop(item, pass_name, turn)
        return None

    def _drop(self, item: Item, pass_name: PassName, turn: Turn) -> None:
        del turn.call_s[pass_name]
        self._blocks[item.key(turn.session.name, pass_name)] = 0
