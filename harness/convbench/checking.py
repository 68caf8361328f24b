"""What the checks say of one item: every result against the oracle, every pair of backends, and what needs no oracle.

Rows go to the agreement table, verdicts to the cells. The pairs compare what forward and backward returned; `both` is
held against the oracle only, as its results must be those of the other two. Each check has its own column: `exact` on
integers, `random` within the bound, `identities` without an oracle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify import (
    ORACLE,
    Deviation,
    Fill,
    Sample,
    Suspect,
    Untrusted,
    adjoint,
    agreements,
    check_against,
    distrust,
    not_repeatable,
    odd_ones,
    right_values,
    weak_data,
)
from convbench.verify.check import allowed
from convbench_specs import Case, PassName, TensorName, Tensors

Outputs = dict[PassName, Mapping[TensorName, str]]
"""Paths of .npy files with what each pass returned."""
Findings = dict[PassName, list[Untrusted]]
"""What a worker holds against the results of each pass."""
Verdicts = dict[tuple[str, PassName], dict[str, Any]]
"""Columns of the cell of a backend and pass."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What the passes of a backend returned. `again` is a second call's, where its bits need not be the first one's."""

    outputs: Outputs = field(default_factory=dict)
    again: Outputs = field(default_factory=dict)
    findings: Findings = field(default_factory=dict)


SEVERITY = {"agrees": 0, "untrusted": 1, "disagrees": 2}


class ItemCheck:
    """The checks of one case at one batch size on one filling of its tensors."""

    def __init__(self, case: Case, tensors: Tensors, fill: Fill, *, seed: int) -> None:
        self._case = case
        self._tensors = tensors
        self._exact = fill == "integers"
        self._fill = fill
        self._right = right_values(case, tensors, seed=seed)
        self._outputs: dict[str, Outputs] = {}
        self._deviations: dict[tuple[str, PassName], list[Deviation]] = {}
        self._findings: dict[tuple[str, PassName], list[Untrusted]] = {}
        self._identities: dict[str, tuple[str, str, str]] = {}
        self._suspects: list[Suspect] = []

    def add(self, backend: str, returned: Returned) -> None:
        """Check the results of one backend."""
        self._outputs[backend] = returned.outputs
        for pass_name, paths in returned.outputs.items():
            results, again = _load_all(paths), _load_all(returned.again.get(pass_name, {}))
            self._deviations[backend, pass_name] = check_against(self._right, results, exact=self._exact)
            if not self._exact:
                held = [*returned.findings.get(pass_name, ()), *self._distrust(results), *self._differ(results, again)]
                self._findings[backend, pass_name] = held
        is_random = self._fill == "random" and self._case.x_data == "random" == self._case.w_data
        if is_random and {"forward", "backward"} <= returned.outputs.keys() and not self._is_any_malformed(backend):
            self._identities[backend] = self._adjoint(returned.outputs)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of the agreement table: against the oracle first, then the pairs."""
        for (backend, pass_name), deviations in self._deviations.items():
            for deviation in deviations:
                yield self._row(deviation, pass_name, backend, ORACLE)
        for pass_name in ("forward", "backward"):
            for tensor in self._case.gradient_names if pass_name == "backward" else ("y",):
                yield from self._pairs(pass_name, tensor)

    def verdicts(self) -> Verdicts:
        """Columns of each cell: the verdict of this check, and what is wrong where something is.

        To be taken after the rows: `odd_one_out` says who stands alone among all that were compared.
        """
        found: Verdicts = {}
        for (backend, pass_name), deviations in self._deviations.items():
            worst = max(deviations, key=lambda deviation: SEVERITY[deviation.verdict])
            columns: dict[str, Any] = {"exact" if self._exact else "random": worst.verdict, "verdict": worst.verdict}
            if worst.verdict != "agrees":
                columns |= {"reason": worst.describe(), "tensor": worst.tensor}
            if worst.verdict == "disagrees" or self._is_malformed(worst):
                columns["status"] = "wrong"
            elif findings := self._findings.get((backend, pass_name)):
                first = findings[0]
                columns |= {"verdict": "untrusted", "reason": first.describe(), "tensor": first.tensor}
                columns |= {"finding": first.reason} | ({} if first.reason == "weak_data" else {"status": "wrong"})
            odd = [s for s in self._suspects if s.name in (backend, ORACLE) and s.tensor == worst.tensor]
            if odd and worst.verdict == "disagrees":
                columns["odd_one_out"] = odd[0].describe()
            if pass_name == "backward" and backend in self._identities:
                verdict, tensors, sentence = self._identities[backend]
                columns["identities"] = verdict
                if verdict == "disagrees" and columns["verdict"] == "agrees":
                    columns |= {"verdict": "disagrees", "status": "wrong", "reason": sentence, "tensor": tensors}
            found[backend, pass_name] = columns
        return found

    @property
    def sampled(self) -> str:
        """What of each result was checked, where that is not all."""
        if not isinstance(self._right, Sample):
            return ""
        return "; ".join(self._right.describe(name) for name in ("y", *self._case.gradient_names))

    def right_output(self, tensor: TensorName) -> tuple[str, NDArray[Any]] | None:
        """A backend whose result of this tensor agrees with the oracle, and that result."""
        for (backend, pass_name), deviations in self._deviations.items():
            for deviation in deviations:
                if deviation.tensor == tensor and deviation.verdict == "agrees":
                    return backend, _load(self._outputs[backend][pass_name][tensor])
        return None

    def _distrust(self, results: Mapping[TensorName, NDArray[Any]]) -> list[Untrusted]:
        batch_size = len(self._tensors.x)
        found = []
        for name, result in results.items():
            held = distrust(self._case, batch_size, name, result)
            weak = (
                weak_data(self._case, batch_size, name, self._right.values(name))
                if self._case.x_data == "random"
                else None
            )
            found += [weak] if weak else held
        return found

    def _differ(
        self, results: Mapping[TensorName, NDArray[Any]], again: Mapping[TensorName, NDArray[Any]]
    ) -> Iterator[Untrusted]:
        """Results of two calls that differ by more than two right ones can."""
        for name, second in again.items():
            first, shape = results[name], self._case.shape_of(name, len(self._tensors.x))
            if first.shape == shape == second.shape:
                bound = 2 * allowed(self._right, name, sums="own")
                found = not_repeatable(name, self._right.select(name, first), self._right.select(name, second), bound)
                if found:
                    yield found

    def _adjoint(self, outputs: Outputs) -> tuple[str, str, str]:
        """Verdict, tensors and sentence of the identities."""
        results = {**_load_all(outputs["forward"]), **_load_all(outputs["backward"])}
        for products in adjoint(self._case, self._tensors, results):
            if products.verdict == "disagrees":
                return "disagrees", " or ".join(products.results), products.describe()
        return "agrees", "", ""

    def _pairs(self, pass_name: PassName, tensor: TensorName) -> Iterator[dict[str, Any]]:
        results = {}
        for backend, outputs in self._outputs.items():
            if tensor in outputs.get(pass_name, {}):
                result = _load(outputs[pass_name][tensor])
                if result.shape == self._case.shape_of(tensor, len(self._tensors.x)):
                    results[backend] = self._right.select(tensor, result)
        # two right results may have been summed in dtypes of their own choice
        bound = allowed(self._right, tensor, exact=self._exact, sums="own")
        pairs = agreements(tensor, results, bound)
        for row in pairs:
            yield self._row(row.deviation, pass_name, row.one, row.other)
        against_oracle = {
            backend: deviation.verdict
            for (backend, name), deviations in self._deviations.items()
            for deviation in deviations
            if name == pass_name and deviation.tensor == tensor
        }
        self._suspects += odd_ones(tensor, pairs, against_oracle)

    def _is_any_malformed(self, backend: str) -> bool:
        return any(
            self._is_malformed(deviation)
            for (name, _), deviations in self._deviations.items()
            for deviation in deviations
            if name == backend
        )

    def _is_malformed(self, deviation: Deviation) -> bool:
        """Whether it is untrusted for its shape or dtype, which no rounding explains."""
        return deviation.verdict == "untrusted" and deviation.total == 0 and not deviation.overflowed

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


def _load_all(paths: Mapping[TensorName, str]) -> dict[TensorName, NDArray[Any]]:
    return {name: _load(path) for name, path in paths.items()}


def _load(path: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(Path(path), mmap_mode="r", allow_pickle=False)
    return array
