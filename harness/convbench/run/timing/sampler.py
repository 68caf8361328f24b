"""Times the backends at one item: warm-up, then rounds in which each has one turn, in random order.

- The first block warms a pass up until it gets no faster, and learns how many calls fill a sample; the other blocks,
  in fresh workers, keep that number and warm up as long, but no longer than WARM_UP_SAMPLES, several workers at once.
- In its turn a backend is woken, times each of its passes once, in random order, and is stopped. So each pass has its
  rounds spread over all the time that an item takes: what slows a machine down mostly lasts longer than the rounds of
  one pass would take in a row, and would be taken for a difference between blocks.
- A sample in which others used the machine is marked and taken again, a few times; all attempts stay in the journal.
  Where the machine is never left alone that ends: a run must end in its time.
- Between the rounds a backend that can be updated gets other data, and what timed loops returned is looked at: what is
  timed is what was checked. See data_changes.py and timed_results.py.
- Right after a turn the cores' speed is looked at, while all workers are stopped. A slow core is only marked: it
  mostly stays slow for longer than a few attempts take.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from convbench.machine.core_speed import CoreSpeeds
from convbench.machine.other_load import OtherLoad
from convbench.measure.timing import settling_s
from convbench.plan.items import CellKey, Item
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.results.events.schema import CellSkipped, CellWarmedUp, Recorded, SampleTaken, fields_of
from convbench.results.events.state import RunState
from convbench.run.progress import Doing, Progress
from convbench.run.sessions import ItemEntrant, failed, together
from convbench.run.timing.budget import Budget
from convbench.run.timing.data_changes import DataChanges
from convbench.run.timing.timed_results import ClockReading, TimedResults
from convbench.verify.data_sets import DataSet
from convbench.workers import protocol
from convbench.workers.arrays import DataSetFiles
from convbench.workers.failure import Failure
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
class TimedItem:
    """What is timed in a block: an item on the workers that hold it.

    `data_sets` are the files of its data sets, `number` is the one that the workers hold at first.
    """

    item: Item
    entrants: Sequence[ItemEntrant]
    block: int
    data_sets: DataSetFiles = ()
    number: DataSet = 0


class Sampler:
    """Takes the samples of a run. What it learns about a cell is an event, and `state` is where it finds it again."""

    def __init__(
        self,
        settings: RunSettings,
        state: RunState,
        other_load: OtherLoad,
        speeds: CoreSpeeds,
        results: TimedResults,
        *,
        seed: str = "",
        left_s: Callable[[], float] = lambda: inf,
    ) -> None:
        """`left_s` tells the time that the run has left: without any, the next round is the last."""
        self._left_s = left_s
        self._settings = settings
        self._state = state
        self._budget = Budget(settings, state.fastest_s)
        self._other_load = other_load
        self._speeds = speeds
        self._results = results
        self._taken: dict[CellKey, list[float]] = {}
        """Seconds a call of each sample, for the item and block that are timed."""
        self._changes: dict[str, DataChanges] = {}
        """By backend, for the item and block that are timed."""
        self._random = random.Random(seed or settings.seed)  # noqa: S311  # an order of turns, no secret
        self._samples = 0
        self._repeated = 0
        self.later_rounds_s = 0.0
        """Seconds that rounds after the first of their block took."""

    def events(self, timed: TimedItem, most_rounds: int) -> Iterator[Recorded | Progress]:
        """Time the passes of an item in so many rounds at most."""
        item, entrants = timed.item, timed.entrants
        self._taken.clear()
        self._changes = {each.session.name: _changes_of(timed, each) for each in entrants}
        yield from self._warm_up(item, entrants)
        cells = [item.key(each.session.name, name) for each in entrants for name in each.passes]
        # settled before the first sample: what samples show must not decide how many there are
        rounds = {key: self._rounds(key) for key in cells if self._state.is_computed(key)}
        rounds = {key: min(most_rounds, number) for key, number in rounds.items()}
        number = 0
        while number < max(rounds.values(), default=0):
            if self._left_s() <= 0:  # this round is the last: what it returns is checked
                rounds = {key: min(number + 1, few) for key, few in rounds.items()}
            begin = time.monotonic()
            yield Doing(f"{item.label}: round {number + 1} of block {timed.block + 1}", timed=True)
            for entrant in self._random.sample(entrants, len(entrants)):
                yield from self._change_data(timed, entrant, number)
                yield from self._take(timed, entrant, number, rounds)
            if number:
                self.later_rounds_s += time.monotonic() - begin
            number += 1
        for key in cells:
            if self._is_right(key):
                yield from self._results.timed_wrongly(item, key, self._median_s(key), self._renewal_s(key))

    def _median_s(self, key: CellKey) -> float:
        """Seconds of a usual call of the last samples of a cell; 0 where there is none."""
        taken = self._taken.get(key, [])
        return median(taken) if taken else 0.0

    def _renewal_s(self, key: CellKey) -> float:
        """Seconds that new values cost a cell: an update, or else preparing it."""
        columns = self._state.cells[key]
        known = columns.get("update_s") or columns.get("prepare_s")
        return known if isinstance(known, float) else 0.0

    def _change_data(self, timed: TimedItem, entrant: ItemEntrant, number: int) -> Iterator[Recorded]:
        """Put other data into the worker, where it is time for that."""
        session, changes = entrant.session, self._changes[entrant.session.name]
        alive, following = self._alive(timed.item, entrant), changes.next_number(number)
        if following is None or not alive:
            return
        reply = session.renew(timed.item, timed.data_sets[following])
        if isinstance(reply, Failure):
            yield from (failed(timed.item, session.name, name, reply) for name in alive)
        else:
            changes.changed(following, reply.timed_s)

    def _is_right(self, key: CellKey) -> bool:
        """Whether nothing has been held against a cell so far."""
        return self._state.is_computed(key) and self._state.cells[key].get("status") == Status.OK.value

    def _rounds(self, key: CellKey) -> int:
        return self._budget.rounds(self._budget.seconds(key))

    def _alive(self, item: Item, entrant: ItemEntrant) -> list[PassName]:
        """The passes of an entrant that have not failed."""
        backend = entrant.session.name
        return [name for name in entrant.passes if self._state.is_computed(item.key(backend, name))]

    def _warm_up(self, item: Item, entrants: Sequence[ItemEntrant]) -> Iterator[Recorded | Progress]:
        """Make backends ready to be timed. What an earlier block has warmed up is not timed now: several at once."""
        alive = {entrant.session.name: self._alive(item, entrant) for entrant in entrants}
        known = {
            backend: [name for name in passes if item.key(backend, name) in self._state.loops]
            for backend, passes in alive.items()
        }

        def again(entrant: ItemEntrant) -> list[Recorded]:
            return list(self._warm_up_again(item, entrant, known[entrant.session.name]))

        ready = [entrant for entrant in entrants if known[entrant.session.name]]
        if ready:
            yield Doing(f"{item.label}: warming up the workers", timed=True)
            for events in together(ready, again):
                yield from events
        for entrant in entrants:
            backend = entrant.session.name
            for name in alive[backend]:
                if name not in known[backend]:
                    yield Doing(f"{item.label} {name}: warming up {backend}", timed=True)
                    yield from self._warm_up_first(item, entrant, name)
            entrant.session.suspend()

    def _warm_up_again(self, item: Item, entrant: ItemEntrant, passes: Sequence[PassName]) -> Iterator[Recorded]:
        session = entrant.session
        for name in passes:
            known = self._state.loops[item.key(session.name, name)]
            calls = min(known.warm_up_calls, WARM_UP_SAMPLES * max(1, known.loops))
            reply = session.ask(protocol.Sample(pass_name=name, loops=calls))
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply)

    def _warm_up_first(self, item: Item, entrant: ItemEntrant, name: PassName) -> Iterator[Recorded]:
        session, key = entrant.session, item.key(entrant.session.name, name)
        call_s = self._budget.seconds(key)
        over = self._budget.too_slow(call_s)
        if over is not None:
            yield CellSkipped(**fields_of(key), reason=over.reason, needed_budget_s=over.needed_s)
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
        self, timed: TimedItem, entrant: ItemEntrant, number: int, rounds: Mapping[CellKey, int]
    ) -> Iterator[Recorded]:
        """A backend's turn in a round, taken again for the passes in which others disturbed."""
        item, name_of = timed.item, entrant.session.name
        passes = [name for name in self._alive(item, entrant) if number < rounds[item.key(name_of, name)]]
        for _ in range(MOST_ATTEMPTS):
            if not passes:
                return
            samples: dict[PassName, protocol.Sampled] = {}
            looked_at = {name: self._is_looked_at(item.key(name_of, name), number, rounds) for name in passes}
            shuffled = {name: looked_at[name] for name in self._random.sample(passes, len(passes))}
            yield from self._samples_of(item, entrant, shuffled, samples)
            core_slowdown = self._speeds.slowdown()
            passes = []
            for name, sample in samples.items():
                contended = self._other_load.disturb(sample.waited_s, sample.elapsed_s)
                yield _taken(
                    item.key(name_of, name),
                    sample,
                    block=timed.block,
                    number=number,
                    contended=contended,
                    core_slowdown=core_slowdown,
                )
                self._samples += 1
                if contended and self._repeated < MOST_REPEATED * self._samples:
                    self._repeated += 1
                    passes.append(name)

    def _is_looked_at(self, key: CellKey, number: int, rounds: Mapping[CellKey, int]) -> bool:
        loop_s = self._state.loops[key].loops * self._budget.seconds(key)
        changes = self._changes[key.backend]
        return self._is_right(key) and changes.is_looked_at(key.pass_name, number, rounds[key], loop_s)

    def _samples_of(
        self,
        item: Item,
        entrant: ItemEntrant,
        passes: Mapping[PassName, bool],
        samples: dict[PassName, protocol.Sampled],
    ) -> Iterator[Recorded]:
        """A sample of each pass into `samples`, one after the other; then the backend is stopped.

        `passes` says of each one whether its result is looked at.
        """
        session, woken, changes = entrant.session, True, self._changes[entrant.session.name]
        for name, is_looked_at in passes.items():
            key = item.key(session.name, name)
            settle_s = settling_s(self._budget.seconds(key), woken=woken)
            loops = self._state.loops[key].loops
            request = protocol.Sample(pass_name=name, loops=loops, settle_s=settle_s, digest=is_looked_at)
            is_ready, used_s, begin = session.holds_case, session.cpu_s(), time.perf_counter()
            reply = session.ask(request)
            if isinstance(reply, Failure):
                yield failed(item, session.name, name, reply)
                continue
            if is_ready:
                host_s, core_s = time.perf_counter() - begin, (session.cpu_s() - used_s) / session.threads
                told_s = reply.settled_s + reply.elapsed_s + reply.digest_s
                self._results.clocks.add(key, ClockReading(host_s, told_s, core_s))
            yield from self._results.judged(item, session, name, changes.number, reply)
            changes.sampled(name, reply.elapsed_s, reply.digest_s if is_looked_at else None)
            samples[name], woken = reply, False
            self._taken.setdefault(key, []).append(reply.elapsed_s / max(1, reply.loops))
        session.suspend()


def _changes_of(timed: TimedItem, entrant: ItemEntrant) -> DataChanges:
    """A backend that cannot be updated keeps its data through the block."""
    return DataChanges(timed.number, len(timed.data_sets) if entrant.session.can_update else 1)


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
