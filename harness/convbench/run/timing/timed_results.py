"""Whether timed calls returned what the checked ones did, and whether the clocks agree about their time.

A result of a timed loop is known by its digest. One that is not known is checked in full, against right values of its
data set: another worker may round the last bits in another way. What is wrong becomes the verdict of its cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from statistics import median

from convbench.plan.items import CellKey, Item
from convbench.results.events.schema import CellJudged, Recorded, fields_of
from convbench.run.timing.known_results import KnownResults
from convbench.verify import Untrusted, make_tensors
from convbench.verify.data_sets import DataSet, tensors_of_set
from convbench.verify.item import ItemCheck, Returned
from convbench.verify.plausibility import CallTimes, precomputed, result_of
from convbench.workers import protocol
from convbench.workers.arrays import made_folder
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import DTYPES, DType, PassName, tensors_of

TOLERATED_S = 0.004
"""Seconds of a sample that the worker need not account for: messages, readings of the system."""
TOLERATED_SHARE = 0.25
"""Of the time that the host waits for a sample, likewise."""
IDLE_S = 0.01
"""On a busy machine a worker waits for a core, which is no fault of its clock. So where it used little of the
processor, every single sample must lack so many seconds,"""
IDLE_SHARE = 0.6
"""and so much of the time that the host waited."""
COPY_S_A_BYTE = 2e-10
"""Seconds that copying a byte of a result takes, on a slow memory."""
FEWEST_SAMPLES = 3
FEWEST_IDLE_SAMPLES = 6


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Seconds of one sample by the host's clock, what the worker tells of, and how long each core worked for it."""

    host_s: float
    told_s: float
    core_s: float

    @property
    def is_ahead(self) -> bool:
        """Whether the worker tells of more time than has passed."""
        return self.told_s > self.host_s + TOLERATED_S

    @property
    def untold_s(self) -> float:
        """Seconds of work that the worker does not tell of; waiting for a core is none."""
        return min(self.host_s, self.core_s) - self.told_s

    @property
    def is_mostly_untold(self) -> bool:
        """Whether the worker tells of so little that waiting for a core can hardly be the reason."""
        return self.host_s - self.told_s > max(IDLE_S, IDLE_SHARE * self.host_s)


@dataclass(slots=True)
class Clocks:
    """What the host's clock and the worker's clock say of the samples of each cell."""

    _readings: dict[CellKey, list[ClockReading]] = field(default_factory=dict)

    def add(self, key: CellKey, reading: ClockReading) -> None:
        """Take in the clocks of a sample."""
        self._readings.setdefault(key, []).append(reading)

    def disagreement(self, key: CellKey) -> str:
        """What is wrong with the time of a cell; empty where nothing is."""
        readings = self._readings.get(key, [])
        if len(readings) < FEWEST_SAMPLES:
            return ""
        host_s, told_s = (median(getattr(each, name) for each in readings) for name in ("host_s", "told_s"))
        untold_s = median(each.untold_s for each in readings)
        is_untold = untold_s > max(TOLERATED_S, TOLERATED_SHARE * host_s)
        is_idle = len(readings) >= FEWEST_IDLE_SAMPLES and all(each.is_mostly_untold for each in readings)
        is_ahead = median(each.is_ahead for each in readings) > 0
        if not (is_untold or is_idle or is_ahead):
            return ""
        return f"the host measured {1e3 * host_s:.4g} ms for a sample, but the worker reported {1e3 * told_s:.4g} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedResults:
    """Judges the timed calls of a run; `known` are the digests of results that were checked."""

    scratch: Path
    seed: int
    known: KnownResults = field(default_factory=KnownResults)
    clocks: Clocks = field(default_factory=Clocks)
    peaks: Callable[[DType], float] | None = None
    """FLOPs a second that the cores of the run can do at most; None where that is not known."""

    def judged(
        self, item: Item, session: BackendSession, pass_name: PassName, number: DataSet, sample: protocol.Sampled
    ) -> Iterator[Recorded]:
        """What is wrong with the last result of a sample, which the worker still has. Nothing where it is known."""
        key = item.key(session.name, pass_name)
        if not sample.digests or self.known.has(key, number, sample.digests):
            return
        folder = made_folder(self.scratch / session.name)
        written = session.ask(protocol.WriteLast(folder=str(folder)))
        if isinstance(written, Failure):
            return
        wrong = self._checked(item, session.name, pass_name, number, written)
        if wrong is None:
            self.known.add(key, number, sample.digests)
        else:
            yield verdict(key, wrong)

    def timed_wrongly(self, item: Item, key: CellKey, call_s: float, renewal_s: float) -> Iterator[Recorded]:
        """What is wrong with the time of a cell after a block: by the clocks, or because no processor is so fast.

        `call_s` is a usual call's, `renewal_s` what preparing the case or putting in new values took.
        """
        disagreement = self.clocks.disagreement(key)
        if disagreement:
            yield verdict(key, Untrusted("clock", result_of(key.pass_name), disagreement))
        elif self.peaks is not None and call_s > 0:
            results = tensors_of(item.case, key.pass_name)
            elements = sum(prod(item.case.shape_of(name, item.batch_size)) for name in results)
            copy_s = elements * DTYPES[item.case.dtype] * COPY_S_A_BYTE
            times = CallTimes(prepare_s=renewal_s, nexts=[call_s], copies=[copy_s])
            peak = self.peaks(item.case.dtype)
            wrong = precomputed(item.case, item.batch_size, key.pass_name, times, peak)
            if wrong:
                yield verdict(key, wrong)

    def _checked(
        self, item: Item, backend: str, pass_name: PassName, number: DataSet, written: protocol.Written
    ) -> Untrusted | None:
        tensors = tensors_of_set(make_tensors(item.case, item.batch_size, seed=self.seed), number)
        check = ItemCheck(item.case, tensors, "random", seed=self.seed)
        unread = check.add(backend, Returned(outputs={pass_name: written.outputs}))
        if unread:
            return Untrusted("changes_after_calls", result_of(pass_name), f"in a timed loop: {unread[pass_name]}")
        found = check.judge().verdicts[backend, pass_name]
        if not found.is_wrong:
            return None
        return Untrusted("changes_after_calls", found.tensor or "y", f"in a timed loop: {found.reason}")


def verdict(key: CellKey, wrong: Untrusted) -> CellJudged:
    """The event for a cell whose timed calls are not to be believed, although its checked ones were right."""
    return CellJudged(
        **fields_of(key),
        data="random",
        own="untrusted",
        verdict="untrusted",
        is_wrong=True,
        reason=wrong.describe(),
        tensor=wrong.tensor,
        finding=wrong.reason,
    )
