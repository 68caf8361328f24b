"""The digests of results that were checked, by cell and data set: what a timed loop must return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convbench.plan.items import CellKey
from convbench.verify.data_sets import DATA_SETS, DataSet
from convbench_specs import TensorName

Digests = Mapping[TensorName, int]


class KnownResults:
    """What is known to be right. A cell has more than one digest where workers differ in the last bits."""

    def __init__(self) -> None:
        self._known: dict[tuple[CellKey, DataSet], list[dict[TensorName, int]]] = {}

    def learn(self, key: CellKey, by_set: Sequence[Digests]) -> None:
        """Take in the digests that a checked result has in each data set; none where its bits are of chance."""
        for number, digests in zip(DATA_SETS, by_set, strict=False):
            self.add(key, number, digests)

    def add(self, key: CellKey, number: DataSet, digests: Digests) -> None:
        """Take in the digests of a result that is right."""
        self._known.setdefault((key, number), []).append(dict(digests))

    def has(self, key: CellKey, number: DataSet, digests: Digests) -> bool:
        """Whether a result has the bits of one that is known to be right."""
        return dict(digests) in self._known.get((key, number), [])
