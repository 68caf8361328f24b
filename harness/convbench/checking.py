"""What the checks say of one item: every result against the oracle, and every pair of backends against each other.

Rows go to the agreement table, verdicts to the cells. The pairs compare what forward and backward returned; `both` is
held against the oracle only, as its results must be those of the other two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify import Fill, oracle
from convbench.verify.compare import Deviation, compare
from convbench_specs import Case, PassName, TensorName, Tensors

Outputs = dict[PassName, Mapping[TensorName, str]]
"""Paths of .npy files with what each pass returned."""
ORACLE = "oracle"


class ItemCheck:
    """The checks of one case at one batch size on one filling of its tensors."""

    def __init__(self, case: Case, tensors: Tensors, fill: Fill) -> None:
        self._case = case
        self._fill = fill
        self._reference = oracle(case, tensors)
        self._outputs: dict[str, Outputs] = {}
        self._against_oracle: dict[tuple[str, PassName, TensorName], Deviation] = {}

    def add(self, backend: str, outputs: Outputs) -> None:
        """Hold the results of one backend against the oracle."""
        self._outputs[backend] = outputs
        for pass_name, tensors in outputs.items():
            for tensor, path in tensors.items():
                expected = self._reference.values(tensor)
                deviation = compare(tensor, _load(path), expected, self._bound(tensor))
                self._against_oracle[backend, pass_name, tensor] = deviation

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of the agreement table: against the oracle first, then the pairs."""
        for (backend, pass_name, _), deviation in self._against_oracle.items():
            yield self._row(deviation, pass_name, backend, ORACLE)
        for left, right in combinations(self._outputs, 2):
            for pass_name in ("forward", "backward"):
                yield from self._pair(left, right, pass_name)

    def verdicts(self) -> dict[tuple[str, PassName], dict[str, Any]]:
        """Columns of each cell: its verdict, and if it is wrong its status and the reason."""
        found: dict[tuple[str, PassName], dict[str, Any]] = {}
        for (backend, pass_name, _), deviation in self._against_oracle.items():
            columns = found.setdefault((backend, pass_name), {"verdict": "agrees"})
            if deviation.verdict != "agrees" and columns["verdict"] == "agrees":
                columns |= {"verdict": deviation.verdict, "status": "wrong", "reason": deviation.describe()}
        return found

    def right_output(self, tensor: TensorName) -> tuple[str, NDArray[Any]] | None:
        """A backend whose result of this tensor agrees with the oracle, and that result."""
        for (backend, pass_name, name), deviation in self._against_oracle.items():
            if name == tensor and deviation.verdict == "agrees":
                return backend, _load(self._outputs[backend][pass_name][tensor])
        return None

    def _pair(self, left: str, right: str, pass_name: PassName) -> Iterator[dict[str, Any]]:
        lefts, rights = (self._outputs[name].get(pass_name, {}) for name in (left, right))
        for tensor in lefts.keys() & rights.keys():
            bound = self._bound(tensor)
            deviation = compare(tensor, _load(lefts[tensor]), _load(rights[tensor]), bound + bound)
            yield self._row(deviation, pass_name, left, right)

    def _bound(self, tensor: TensorName) -> NDArray[Any]:
        if self._fill == "integers":
            return np.zeros((), np.float32)
        return self._reference.bound(tensor)

    def _row(self, deviation: Deviation, pass_name: PassName, left: str, right: str) -> dict[str, Any]:
        worst, first = deviation.worst, deviation.first
        return {
            "pass": pass_name,
            "data": self._fill,
            "tensor": deviation.tensor,
            "left": left,
            "right": right,
            "verdict": deviation.verdict,
            "bound_multiple": deviation.multiple,
            "count_off": deviation.off,
            "count": deviation.total,
            "first_index": list(first.index) if first else [],
            "worst_index": list(worst.index) if worst else [],
            "left_value": worst.actual if worst else None,
            "right_value": worst.expected if worst else None,
            "description": deviation.describe(),
        }


def _load(path: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(Path(path), mmap_mode="r", allow_pickle=False)
    return array
