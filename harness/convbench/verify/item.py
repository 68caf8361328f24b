"""What the checks say of one item: every result against the oracle, every pair of backends, and what needs no oracle.

Rows go to the agreement table, verdicts to the cells. The pairs compare what forward and backward returned; `both` is
held against the oracle only, as its results must be those of the other two. Each check has its own column: `exact` on
integers, `random` within the bound, `identities` without an oracle; in the agreement table an identity stands where
otherwise the oracle does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify import (
    ORACLE,
    Deviation,
    Fill,
    Held,
    Sample,
    Suspect,
    Untrusted,
    agreements,
    check_against,
    distrust,
    hold_adjoint,
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


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the oracle, and a result by itself, say of it."""

    deviation: Deviation
    findings: list[Untrusted]


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
        self._held: dict[str, list[Held]] = {}
        self._suspects: list[Suspect] = []
        self._weak: dict[TensorName, Untrusted | None] = {}

    def add(self, backend: str, returned: Returned) -> None:
        """Check the results of one backend."""
        self._outputs[backend] = returned.outputs
        judged: dict[str, _Judged] = {}
        for pass_name, paths in returned.outputs.items():
            results, again = _load_all(paths), _load_all(returned.again.get(pass_name, {}))
            for name, path in paths.items():
                if path not in judged:  # passes that gave the same numbers name one file
                    judged[path] = self._judge(name, results[name])
            found = [judged[path].deviation for path in paths.values()]
            self._deviations[backend, pass_name] = found
            if not self._exact:
                own = [finding for path in paths.values() for finding in judged[path].findings]
                held = [*returned.findings.get(pass_name, ()), *own, *self._differ(results, again)]
                overflowed = {each.tensor for each in found if each.overflowed}  # told by its name already
                self._findings[backend, pass_name] = [
                    each for each in held if each.reason != "not_finite" or each.tensor not in overflowed
                ]
        if self.takes_identities(backend):
            self._held[backend] = hold_adjoint(self._case, self._tensors, self.results(backend))

    def takes_identities(self, backend: str) -> bool:
        """Whether identities can be asked of its results: whole and finite ones of their due form, of random data."""
        is_random = self._fill == "random" and self._case.x_data == "random" == self._case.w_data
        is_whole = {"forward", "backward"} <= self._outputs[backend].keys()
        return is_random and is_whole and not self._is_any_beyond(backend)

    def results(self, backend: str) -> dict[TensorName, NDArray[Any]]:
        """What its forward and backward returned."""
        outputs = self._outputs[backend]
        return {**_load_all(outputs["forward"]), **_load_all(outputs["backward"])}

    def hold(self, backend: str, found: Iterable[Held]) -> None:
        """Take in what further identities say of a backend."""
        self._held[backend] += found

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of the agreement table: against the oracle first, then the pairs."""
        for (backend, pass_name), deviations in self._deviations.items():
            for deviation in deviations:
                yield self._row(deviation, pass_name, backend, ORACLE)
        for backend, everything in self._held.items():
            for held in everything:
                yield self._row(held.deviation, _pass_of(held.tensor), backend, held.identity, held.sentence)
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
            if pass_name != "both":
                columns |= self._identities(backend, pass_name, is_right=columns["verdict"] == "agrees")
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

    def _judge(self, name: TensorName, result: NDArray[Any]) -> _Judged:
        (deviation,) = check_against(self._right, {name: result}, exact=self._exact)
        return _Judged(deviation, [] if self._exact else self._distrust(name, result))

    def _distrust(self, name: TensorName, result: NDArray[Any]) -> list[Untrusted]:
        batch_size = len(self._tensors.x)
        if self._case.x_data == "random" and name not in self._weak:  # the same for all backends and passes
            self._weak[name] = weak_data(self._case, batch_size, name, self._right.values(name))
        weak = self._weak.get(name)
        return [weak] if weak else distrust(self._case, batch_size, name, result)

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

    def _identities(self, backend: str, pass_name: PassName, *, is_right: bool) -> dict[str, Any]:
        """Columns on the identities, and a verdict where only they show that a pass is wrong.

        An identity that ties together several results does not say which is wrong; what the oracle says comes first.
        """
        own = [held for held in self._held.get(backend, ()) if _pass_of(held.tensor) == pass_name]
        if not own:
            return {}
        broken = [held for held in own if held.breaks]
        columns: dict[str, Any] = {
            "identities": max((held.deviation.verdict for held in own), key=SEVERITY.__getitem__)
        }
        unexplained = [held for held in broken if self._unblemished(backend) >= set(held.results)]
        if is_right and unexplained:
            first = unexplained[0]
            reason = f"{first.identity}: {first.sentence}"
            columns |= {"verdict": "disagrees", "status": "wrong", "reason": reason, "tensor": first.tensor}
        return columns

    def _unblemished(self, backend: str) -> set[TensorName]:
        """The results of a backend in which the oracle sees nothing wrong."""
        found = [each for (name, _), deviations in self._deviations.items() if name == backend for each in deviations]
        return {each.tensor for each in found} - {each.tensor for each in found if each.verdict != "agrees"}

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

    def _is_any_beyond(self, backend: str) -> bool:
        """Whether a result overflowed or has no due form."""
        return any(
            deviation.overflowed or self._is_malformed(deviation)
            for (name, _), deviations in self._deviations.items()
            for deviation in deviations
            if name == backend
        )

    def _is_malformed(self, deviation: Deviation) -> bool:
        """Whether it is untrusted for its shape or dtype, which no rounding explains."""
        return deviation.verdict == "untrusted" and deviation.total == 0 and not deviation.overflowed

    def _row(
        self, deviation: Deviation, pass_name: PassName, left: str, right: str, sentence: str = ""
    ) -> dict[str, Any]:
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
            "description": sentence or deviation.describe(),
        }


def _pass_of(tensor: TensorName) -> PassName:
    return "forward" if tensor == "y" else "backward"


def _load_all(paths: Mapping[TensorName, str]) -> dict[TensorName, NDArray[Any]]:
    return {name: _load(path) for name, path in paths.items()}


def _load(path: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(Path(path), mmap_mode="r", allow_pickle=False)
    return array
