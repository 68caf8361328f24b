"""The identities that need more results of a backend: those of half the batch, and of inputs moved a little.

Rules:
- Only on small cases, and where a backend is quick: what is asked costs it some prepares and calls more.
- A backend that fails on what is asked has not shown that it is wrong on the item: its failure is told in the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.verify import Deviation, Held, Identity, Results, hold_differences, hold_halves
from convbench.workers.arrays import made_folder, write_tensors
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import Case, PassName, TensorName, Tensors, multiply_adds, tensors_of

MOST_MULTIPLY_ADDS = 10**8
"""Of a forward pass over the batch."""
MOST_ELEMENTS = 2**20
"""Of the largest tensor."""
MOST_SECONDS = 2.0
"""What the checks of an item may have taken a backend before; the identities take it a few times that."""


def is_small(case: Case, batch_size: int) -> bool:
    """Whether further calls of the case cost little."""
    elements = max(prod(case.shape_of(name, batch_size)) for name in tensors_of(case, "both"))
    return multiply_adds(case) * batch_size <= MOST_MULTIPLY_ADDS and elements <= MOST_ELEMENTS


@dataclass(frozen=True, slots=True)
class IdentityCalls:
    """Asks one backend for further results of an item; `results` are those that it gave for `tensors`."""

    session: BackendSession
    item: Item
    tensors: Tensors
    results: Results
    scratch: Path
    seed: int

    def held(self) -> Iterator[Held]:
        """What batch additivity says, and in float64 finite differences."""
        case = self.item.case
        halves = partial(hold_halves, case, self.tensors, self.results, self._compute)
        yield from self._tried("batch additivity", halves)
        if case.dtype == "float64":
            differences = partial(hold_differences, case, self.tensors, self.results, self._compute, seed=self.seed)
            yield from self._tried("finite differences", differences)

    def _tried(self, identity: Identity, hold: Callable[[], list[Held]]) -> list[Held]:
        try:
            return hold()
        except _NoResultError as error:
            why = f"{error.why.status}: {error.why.reason}, on the inputs for {identity}"
            deviation = Deviation(tensor="y", verdict="untrusted", remark=why)
            return [Held(identity=identity, tensor="y", results=("y",), deviation=deviation, sentence=why)]

    def _compute(self, tensors: Tensors, passes: Sequence[PassName]) -> dict[TensorName, NDArray[Any]]:
        folder = made_folder(self.scratch / "identities")
        item = Item(self.item.workload, self.item.case, len(tensors.x))
        results = self.session.results(item, write_tensors(folder, tensors), passes, folder)
        if isinstance(results, Failure):
            raise _NoResultError(results)
        return results


class _NoResultError(Exception):
    """The backend gave no result."""

    def __init__(self, why: Failure) -> None:
        super().__init__(why.reason)
        self.why = why
