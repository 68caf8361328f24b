"""Whether timed calls returned what the checked ones did, and whether the clocks agree about their time.

A result of a timed loop is known by its digest. One that is not known is checked in full, against right values of its
data set: another worker may round the last bits in another way. What is wrong becomes the verdict of its cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from convbench.plan.items import CellKey, Item
from convbench.results.events.schema import CellJudged, Recorded, fields_of
from convbench.run.timing.known_results import KnownResults
from convbench.verify import Untrusted, make_tensors
from convbench.verify.data_sets import DataSet, tensors_of_set
from convbench.verify.item import ItemCheck, Returned
from convbench.workers import protocol
from convbench.workers.process import Failure
from convbench.workers.session import BackendSession
from convbench_specs import PassName

UNEXPLAINED_S = 0.002
"""Seconds around the timed calls of a sample that the worker does not account for: messages, readings of the system."""
UNEXPLAINED_SHARE = 0.25
"""Of the time that the host waits for a sample, in the median of the samples that nobody disturbed."""
CONTENDED_SHARE = 0.6
"""Of that time in every single sample, where others used the machine and the worker may have waited for a core."""
FEWEST_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Told:
    """Seconds of one sample by the host's clock and by the worker's."""

    host_s: float
    worker_s: float
    contended: bool

    @property
    def unexplained_s(self) -> float:
        return self.host_s - self.worker_s


@dataclass(slots=True)
class Clocks:
    """What the host's clock and the worker's clock say of the samples of each cell."""

    _told: dict[CellKey, list[_Told]] = field(default_factory=dict)

    def add(self, key: CellKey, host_s: float, sample: protocol.Sampled, *, contended: bool) -> None:
        """Take in a sample for which the host waited so long."""
        worker_s = sample.settled_s + sample.elapsed_s + sample.digest_s
        self._told.setdefault(key, []).append(_Told(host_s, worker_s, contended))

    def disagreement(self, key: CellKey) -> str:
        """What is wrong with the time of a cell; empty where nothing is."""
        samples = self._told.get(key, [])
        quiet = [each for each in samples if not each.contended]
        wrong = _median_is_wrong(quiet) if len(quiet) >= FEWEST_SAMPLES else _all_are_wrong(samples)
        if not wrong or len(samples) < FEWEST_SAMPLES:
            return ""
        host, worker = (f"{1e3 * median(column):.4g} ms" for column in _columns(samples))
        return f"the host waits {host} for a sample, the worker tells of {worker}"


def _columns(samples: Sequence[_Told]) -> tuple[list[float], list[float]]:
    return [each.host_s for each in samples], [each.worker_s for each in samples]


def _median_is_wrong(samples: Sequence[_Told]) -> bool:
    host_s, unexplained_s = median(_columns(samples)[0]), median(each.unexplained_s for each in samples)
    return not -UNEXPLAINED_S <= unexplained_s <= max(UNEXPLAINED_S, UNEXPLAINED_SHARE * host_s)


def _all_are_wrong(samples: Sequence[_Told]) -> bool:
    return all(
        not -UNEXPLAINED_S <= each.unexplained_s <= max(UNEXPLAINED_S, CONTENDED_SHARE * each.host_s)
        for each in samples
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedResults:
    """Judges the timed calls of a run; `known` are the digests of results that were checked."""

    scratch: Path
    seed: int
    known: KnownResults = field(default_factory=KnownResults)
    clocks: Clocks = field(default_factory=Clocks)

    def judged(
        self, item: Item, session: BackendSession, pass_name: PassName, number: DataSet, sample: protocol.Sampled
    ) -> Iterator[Recorded]:
        """What is wrong with the last result of a sample, which the worker still has. Nothing where it is known."""
        key = item.key(session.name, pass_name)
        if not sample.digests or self.known.has(key, number, sample.digests):
            return
        folder = self.scratch / session.name
        folder.mkdir(exist_ok=True)
        written = session.ask(protocol.WriteLast(folder=str(folder)))
        if isinstance(written, Failure):
            return
        wrong = self._checked(item, session.name, pass_name, number, written)
        if wrong is None:
            self.known.add(key, number, sample.digests)
        else:
            yield verdict(key, wrong)

    def timed_wrongly(self, key: CellKey) -> Iterator[Recorded]:
        """What the clocks say of a cell after a block."""
        disagreement = self.clocks.disagreement(key)
        if disagreement:
            yield verdict(key, Untrusted("clock", "y" if key.pass_name != "backward" else "dx", disagreement))

    def _checked(
        self, item: Item, backend: str, pass_name: PassName, number: DataSet, written: protocol.Written
    ) -> Untrusted | None:
        tensors = tensors_of_set(make_tensors(item.case, item.batch_size, seed=self.seed), number)
        check = ItemCheck(item.case, tensors, "random", seed=self.seed)
        check.add(backend, Returned(outputs={pass_name: written.outputs}))
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
