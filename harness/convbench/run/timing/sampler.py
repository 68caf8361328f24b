"""Times the backends at one item: warm-up, then rounds in which each has one turn, in random order.

- The first block warms a pass up until it gets no faster, and learns how many calls fill a sample; the other blocks,
  in fresh workers, keep that number and warm up as long, but no longer than WARM_UP_SAMPLES.
- In its turn a backend is woken, times each of its passes once, in random order, and is stopped. So each pass has its
  rounds spread over all the time that an item takes: what slows a machine down mostly lasts longer than the rounds of
  one pass would take in a row, and would be taken for a difference between blocks.
- A sample in which others used the machine is marked and taken again, a few times; all attempts stay in the journal.
  Where the machine is never left alone that ends: a run must end in its time.
- Right after a turn the cores' speed is looked at, while all workers are stopped. A slow core is only marked: it
  mostly stays slow for longer than a few attempts take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence

from convbench.machine.core_speed import CoreSpeeds
from convbench.machine.other_load import OtherLoad
from convbench.measure.timing import settling_s
from convbench.plan.items import CellKey, Item
from convbench.plan.settings import RunSettings
from convbench.results.events.schema import CellSkipped, CellWarmedUp, Recorded, SampleTaken, fields_of
from convbench.results.events.state import RunState
from convbench.run.progress import Doing, Progress
from convbench.run.sessions import Entrant, failed
from convbench.run.timing.budget import Budget
from convbench.workers import protocol
from convbench.workers.process import Failure
from convbench_specs import PassName

MOST_ATTEMPTS = 3
"""At a sample that others disturb."""
MOST_REPEATED = 0.25
"""Share of a run's samples that may be taken again."""
WARM_UP_SHARE = 1 / 3
"""Of a cell's budget, for its warm-up."""
WARM_UP_SAMPLES = 1
"""What is compiled is compiled in the first call, or read from a cache; caches and clocks need no more than this."""


class Sampler:
    """Takes the samples of a run. What it learns about a cell is an event, and `state` is where it finds it again."""

    def __init__(
        self, settings: RunSettings, state: RunState, other_load: OtherLoad, speeds: CoreSpeeds, *, seed: str = ""
    ) -> None:
        self._settings = settings
        self._state = state
        self._budget = Budget(settings, state.fastest_s)
        self._other_load = other_load
        self._speeds = speeds
        self._random = random.Random(seed or settings.seed)  # noqa: S311  # an order of turns, no secret
        self._samples = 0
        self._repeated = 0
        self.later_rounds_s = 0.0
        """Seconds that rounds after the first of their block took."""

    def events(
        self, item: Item, entrants: Sequence[Entrant], block: int, most_rounds: int
    ) -> Iterator[Recorded | Progress]:
        """Time the passes of an item in so many rounds at most."""
        for entrant in entrants:
            yield from self._warm_up(item, entrant)
        cells = [item.key(each.session.name, name) for each in entrants for name in each.passes]
        # settled before the first sample: what samples show must not decide how many there are
        rounds = {key: self._rounds(key) for key in cells if self._state.is_computed(key)}
        for number in range(min(most_rounds, max(rounds.values(), default=0))):
            begin = time.monotonic()
            yield Doing(f"{item.label}: round {number + 1} of block {block + 1}")
            for entrant in self._random.sample(entrants, len(entrants)):
                yield from self._take(item, entrant, block, number, rounds)
            if number:
                self.later_rounds_s += time.monotonic() - begin

    def _rounds(self, key: CellKey) -> int:
        return self._budget.rounds(self._budget.seconds(key))

    def _alive(self, item: Item, entrant: Entrant) -> list[PassName]:
        """The passes of an entrant that have not failed."""
        backend = entrant.session.name
        return [name for name in entrant.passes if self._state.is_computed(item.key(backend, name))]

    def _warm_up(self, item: Item, entrant: Entrant) -> Iterator[Recorded | Progress]:
        """Make a backend ready to be timed."""
        session = entrant.session
        for name in self._alive(item, entrant):
            yield Doing(f"{item.label} {name}: warming up {session.name}")
            known = self._state.loops.get(item.key(session.name, name))
            if known is None:
                yield from self._warm_up_first(item, entrant, name)
                continue
            calls = min(known.warm_up_calls, WARM_UP_SAMPLES * max(1, known.loops))
            reply = session.ask(protocol.Sample(pass_name=name, loops=calls))
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply)
        session.suspend()

    def _warm_up_first(self, item: Item, entrant: Entrant, name: PassName) -> Iterator[Recorded]:
        session, key = entrant.session, item.key(entrant.session.name, name)
        call_s = self._budget.seconds(key)
        reason = self._budget.too_slow(call_s)
        if reason:
            yield CellSkipped(**fields_of(key), reason=reason)
            return
        limit_s = self._settings.budget_s * WARM_UP_SHARE
        reply = session.ask(protocol.WarmUp(pass_name=name, sample_s=self._settings.sample_s, limit_s=limit_s))
        if isinstance(reply, Failure):
            yield failed(item, session.name, name, reply)
            return
        yield CellWarmedUp(
            **fields_of(key),
            loops=reply.loops,
            warm_up_calls=reply.warm_up_calls,
            steady=reply.steady,
            blocks=self._budget.blocks(call_s),
        )

    def _take(
        self, item: Item, entrant: Entrant, block: int, number: int, rounds: Mapping[CellKey, int]
    ) -> Iterator[Recorded]:
        """A backend's turn in a round, taken again for the passes in which others disturbed."""
        name_of = entrant.session.name
        passes = [name for name in self._alive(item, entrant) if number < rounds[item.key(name_of, name)]]
        for _ in range(MOST_ATTEMPTS):
            if not passes:
                return
            samples: dict[PassName, protocol.Sampled] = {}
            yield from self._samples_of(item, entrant, self._random.sample(passes, len(passes)), samples)
            core_slowdown = self._speeds.slowdown()
            passes = []
            for name, sample in samples.items():
                contended = self._other_load.disturb(sample.waited_s, sample.elapsed_s)
                yield _taken(
                    item.key(name_of, name),
                    sample,
                    block=block,
                    number=number,
                    contended=contended,
                    core_slowdown=core_slowdown,
                )
                self._samples += 1
                if contended and self._repeated < MOST_REPEATED * self._samples:
                    self._repeated += 1
                    passes.append(name)

    def _samples_of(
        self, item: Item, entrant: Entrant, passes: Sequence[PassName], samples: dict[PassName, protocol.Sampled]
    ) -> Iterator[Recorded]:
        """A sample of each pass into `samples`, one after the other; then the backend is stopped."""
        session, woken = entrant.session, True
        for name in passes:
            key = item.key(session.name, name)
            settle_s = settling_s(self._budget.seconds(key), woken=woken)
            loops = self._state.loops[key].loops
            reply = session.ask(protocol.Sample(pass_name=name, loops=loops, settle_s=settle_s))
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply)
                continue
            samples[name], woken = reply, False
        session.suspend()


def _taken(
    key: CellKey, sample: protocol.Sampled, *, block: int, number: int, contended: bool, core_slowdown: float | None
) -> SampleTaken:
    return SampleTaken(
        **fields_of(key),
        block=block,
        round=number,
        contended=contended,
        core_slowdown=core_slowdown,
        loops=sample.loops,
        elapsed_s=sample.elapsed_s,
        cpu_s=sample.cpu_s,
        minor_faults=sample.minor_faults,
        involuntary_switches=sample.involuntary_switches,
        waited_s=sample.waited_s,
        settled_s=sample.settled_s,
    )
