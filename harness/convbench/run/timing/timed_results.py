"""Whether timed calls returned what the checked ones did, and whether the clocks agree about their time.

A result of a timed loop is known by its digest. One that is not known is checked in full, against right values of its
data set: another worker may round the last bits in another way. What is wrong becomes the verdict of its cell.
"""

from __future__ import annotations

from collections.abc import Iterator
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
"""Of the time that the host waits for a sample."""
FEWEST_SAMPLES = 3
"""In fewer samples a busy machine can be the reason."""


@dataclass(slots=True)
class Clocks:
    """What the host's clock and the worker's clock say of the samples of each cell."""

    _seconds: dict[CellKey, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, key: CellKey, waited_s: float, sample: protocol.Sampled) -> None:
        """Take in a sample for which the host waited so long."""
        told_s = sample.settled_s + sample.elapsed_s + sample.digest_s
        self._seconds.setdefault(key, []).append((waited_s, told_s))

    def disagreement(self, key: CellKey) -> str:
        """What is wrong with the time of a cell; empty where nothing is."""
        samples = self._seconds.get(key, [])
        if len(samples) < FEWEST_SAMPLES:
            return ""
        waited_s, told_s = (median(column) for column in zip(*samples, strict=True))
        unexplained_s = median(waited - told for waited, told in samples)
        allowed_s = max(UNEXPLAINED_S, UNEXPLAINED_SHARE * waited_s)
        if -UNEXPLAINED_S <= unexplained_s <= allowed_s:
            return ""
        return f"the host waits {waited_s * 1e3:.4g} ms for a sample, the worker tells of {told_s * 1e3:.4g} ms"


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
