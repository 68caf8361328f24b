"""What the checks say of one item: every result against the oracle, every pair of backends, and what needs no oracle.

Rows go to the agreement table, verdicts to the cells. The pairs compare what forward and backward returned; `both` is
held against the oracle only, as its results must be those of the other two. Each check has its own column: `exact` on
integers, `random` within the bound, `identities` without an oracle, `other_data` on the further kinds of data and
`non_finite` on NaN and infinity; in the agreement table an identity stands where otherwise the oracle does. On further
kinds of data only the oracle is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from convbench.machine.array_file import open_array
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
from convbench.verify.bounds.dtypes import SMALLEST
from convbench.verify.check import allowed
from convbench.verify.compare import DIFFERS_ON_NAN, SEVERITY
from convbench.verify.explain import Explanation, explain_result
from convbench.verify.judgement import AgreementRow, CellVerdict, Judgement, Told, agreement_row
from convbench.verify.trust import Reason
from convbench_specs import NOT_FINITE, PASSES, Case, PassName, TensorName, Tensors, kind_of

Outputs = dict[PassName, Mapping[TensorName, str]]
"""Names of .npy files with what each pass returned."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What the passes of a backend returned.

    `again` is a second call's, where its bits need not be the first one's; `findings` is what a worker holds against
    the results of each pass, `call_s` the seconds of the shortest call.
    """

    outputs: Outputs = field(default_factory=dict)
    again: Outputs = field(default_factory=dict)
    findings: dict[PassName, list[Untrusted]] = field(default_factory=dict)
    call_s: dict[PassName, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the oracle, and a result by itself, say of it."""

    deviation: Deviation
    findings: list[Untrusted]


LOOKS: tuple[Reason, ...] = (
    "mostly_zero",
    "constant",
    "not_finite",
    "weak_data",
    "wrong_dtype",
    "wrong_shape",
)
"""What is held against a result by itself, without regard to the call that made it."""


class ItemCheck:
    """The checks of one case at one batch size on one filling of its tensors.

    `before` makes the tensors that the backends were given before, if there were any.
    """

    def __init__(
        self, case: Case, tensors: Tensors, fill: Fill, *, seed: int, before: Callable[[], Tensors] | None = None
    ) -> None:
        self._case = case
        self._tensors = tensors
        self._exact = fill == "integers"
        self._fill = fill
        self._right = right_values(case, tensors, seed=seed)
        self._outputs: dict[str, Outputs] = {}
        self._read: dict[str, NDArray[Any]] = {}
        """What files of results hold, by name, while all are compared: a plug-in may remove them meanwhile."""
        self._deviations: dict[tuple[str, PassName], list[Deviation]] = {}
        self._findings: dict[tuple[str, PassName], list[Untrusted]] = {}
        self._held: dict[str, list[Held]] = {}
        self._weak: dict[TensorName, Untrusted | None] = {}
        self._before = before
        self._explained: dict[str, tuple[Explanation, ...]] = {}

    @property
    def _is_further(self) -> bool:
        """Whether the tensors are of a kind of data beside integers and random numbers."""
        return kind_of(self._fill) is not None

    @property
    def _on(self) -> str:
        """How a sentence begins that is about a further kind of data."""
        return f"on {self._fill} data, " if self._is_further else ""

    @property
    def fill(self) -> Fill:
        """What the tensors are filled with."""
        return self._fill

    @property
    def tensors(self) -> Tensors:
        """What the backends compute on."""
        return self._tensors

    def add(self, backend: str, returned: Returned) -> dict[PassName, str]:
        """Check the results of one backend; of passes whose files cannot be read any more, which are not taken, why."""
        unread: dict[PassName, str] = {}
        judged: dict[str, _Judged] = {}
        self._outputs[backend] = {}
        for pass_name, paths in returned.outputs.items():
            try:
                results, again = self._load_all(paths), self._load_all(returned.again.get(pass_name, {}))
            except (OSError, ValueError) as error:
                unread[pass_name] = f"its result was removed or replaced after the call: {type(error).__name__}"
                continue
            self._outputs[backend][pass_name] = paths
            for name, path in paths.items():
                if path not in judged:  # passes that gave the same numbers name one file
                    judged[path] = self._judge(name, results[name])
            found = [judged[path].deviation for path in paths.values()]
            self._deviations[backend, pass_name] = found
            if self._fill == "random":
                own = [finding for path in paths.values() for finding in judged[path].findings]
                held = [*returned.findings.get(pass_name, ()), *own, *self._differ(results, again)]
                overflowed = {each.tensor for each in found if each.overflowed}  # told by its name already
                self._findings[backend, pass_name] = [
                    each for each in held if each.reason != "not_finite" or each.tensor not in overflowed
                ]
        if self.takes_identities(backend):
            self._held[backend] = hold_adjoint(self._case, self._tensors, self.results(backend))
        return unread

    def takes_identities(self, backend: str) -> bool:
        """Whether identities can be asked of its results: whole and finite ones of their due form, of random data."""
        is_random = self._fill == "random" and self._case.x_data == "random" == self._case.w_data
        is_whole = {"forward", "backward"} <= self._outputs[backend].keys()
        return is_random and is_whole and not self._is_any_beyond(backend)

    def results(self, backend: str) -> dict[TensorName, NDArray[Any]]:
        """What its forward and backward returned."""
        outputs = self._outputs[backend]
        return {**self._load_all(outputs["forward"]), **self._load_all(outputs["backward"])}

    def hold(self, backend: str, found: Iterable[Held]) -> None:
        """Take in what further identities say of a backend."""
        self._held[backend] += found

    def judge(self, told: Collection[Told] = ()) -> Judgement:
        """What all checks say: the rows of the agreement table, and from them the verdicts of the cells.

        What is wrong is explained, but for what was told on an earlier filling of the tensors.
        """
        rows = [*self._rows_against_oracle(told), *self._rows_of_identities()]
        suspects: list[Suspect] = []
        for pass_name in () if self._is_further else PASSES[:2]:
            for tensor in self._case.gradient_names if pass_name == "backward" else ("y",):
                found, suspected = self._pairs(pass_name, tensor)
                rows += found
                suspects += suspected
        explained = {(row.left, row.pass_name, row.tensor): row.explanations for row in rows if row.right == ORACLE}
        verdicts = {key: self._verdict(*key, suspects) for key in self._deviations}
        for (backend, pass_name), verdict in verdicts.items():
            why = [each for key, each in explained.items() if key == (backend, pass_name, verdict.tensor)]
            verdicts[backend, pass_name] = replace(verdict, explanations=why[0] if why else ())
        self._read.clear()  # the memory of files that the next item replaces must not be kept
        return Judgement(data=self._fill, rows=tuple(rows), verdicts=verdicts, sampled=self.sampled)

    def _rows_against_oracle(self, told: Collection[Told]) -> Iterator[AgreementRow]:
        for (backend, pass_name), deviations in self._deviations.items():
            for deviation in deviations:
                path = self._outputs[backend][pass_name][deviation.tensor]
                is_told = (backend, pass_name, deviation.tensor) in told
                why = () if is_told else self._explain(deviation, path)
                sentence = self._on + deviation.describe()
                yield agreement_row(
                    deviation, self._fill, pass_name, backend, ORACLE, sentence=sentence, explanations=why
                )

    def _explain(self, deviation: Deviation, path: str) -> tuple[Explanation, ...]:
        """Why a result is wrong; empty where it is not."""
        if deviation.verdict != "disagrees" and not self._is_malformed(deviation):
            return ()
        if path not in self._explained:
            name = deviation.tensor
            self._explained[path] = explain_result(
                self._right,
                self._tensors,
                name,
                self._load(path),
                exact=self._exact,
                previous=self._before,
            )
        return self._explained[path]

    def _rows_of_identities(self) -> Iterator[AgreementRow]:
        for backend, everything in self._held.items():
            for held in everything:
                pass_name = _pass_of(held.tensor)
                yield agreement_row(
                    held.deviation, self._fill, pass_name, backend, held.identity, sentence=held.sentence
                )

    def _verdict(self, backend: str, pass_name: PassName, suspects: list[Suspect]) -> CellVerdict:
        """The verdict of a cell; `suspects` are those who stand alone among all that were compared.

        The worst fault decides, and every other one that it does not explain is told behind it.
        """
        ranked = sorted(self._deviations[backend, pass_name], key=lambda each: SEVERITY[each.verdict], reverse=True)
        worst, faults = ranked[0], [each for each in ranked if each.verdict != "agrees"]
        findings = self._independent_findings(backend, pass_name, faults)
        told = [*(each.describe() for each in faults), *(each.describe() for each in findings)]
        reason = self._on + "; also ".join(told) if told else None
        found = CellVerdict(own=worst.verdict, verdict=worst.verdict, reason=reason)
        if faults:
            found = replace(found, tensor=worst.tensor)
        if findings:
            found = replace(found, finding=findings[0].reason)
        if worst.verdict == "disagrees" or any(each.form for each in faults):
            found = replace(found, is_wrong=True)
        elif findings:
            is_wrong = any(each.reason != "weak_data" for each in findings)
            found = replace(found, verdict="untrusted", tensor=findings[0].tensor, is_wrong=is_wrong)
        odd = [each for each in suspects if each.name in (backend, ORACLE) and each.tensor == worst.tensor]
        if odd and worst.verdict == "disagrees":
            found = replace(found, odd_one_out=odd[0].describe())
        return found if pass_name == "both" else self._with_identities(found, backend, pass_name)

    def _independent_findings(self, backend: str, pass_name: PassName, faults: list[Deviation]) -> list[Untrusted]:
        """Findings that no disagreement explains: what a wrong result looks like by itself is no second fault."""
        explained = {each.tensor for each in faults}
        found = self._findings.get((backend, pass_name), ())
        return [each for each in found if each.reason not in LOOKS or each.tensor not in explained]

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
                    with suppress(OSError, ValueError):  # gone meanwhile: another's will do
                        return backend, self._load(self._outputs[backend][pass_name][tensor])
        return None

    def _judge(self, name: TensorName, result: NDArray[Any]) -> _Judged:
        # libraries may take numbers below the smallest normal one for zero, also where they only choose
        slack = 2 * SMALLEST[self._case.dtype] if self._fill == "denormal" else 0.0
        (deviation,) = check_against(self._right, {name: result}, exact=self._exact, slack=slack)
        if deviation.verdict == "disagrees" and self._fill in NOT_FINITE:
            deviation = replace(deviation, verdict=DIFFERS_ON_NAN)
        return _Judged(deviation, self._distrust(name, result) if self._fill == "random" else [])

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

    def _with_identities(self, found: CellVerdict, backend: str, pass_name: PassName) -> CellVerdict:
        """The verdict with what the identities say, also where only they show that a pass is wrong.

        An identity that ties together several results does not say which is wrong; what the oracle says comes first.
        """
        own = [held for held in self._held.get(backend, ()) if _pass_of(held.tensor) == pass_name]
        if not own:
            return found
        worst = max((held.deviation.verdict for held in own), key=SEVERITY.__getitem__)
        unexplained = [held for held in own if held.breaks and self._unblemished(backend) >= set(held.results)]
        if not unexplained:
            return replace(found, identities=worst)
        first = unexplained[0]
        reason = f"{first.identity}: {first.sentence}"
        if found.verdict != "agrees":
            return replace(found, identities=worst, reason=f"{found.reason}; also {reason}")
        return replace(found, identities=worst, verdict="disagrees", reason=reason, tensor=first.tensor, is_wrong=True)

    def _unblemished(self, backend: str) -> set[TensorName]:
        """The results of a backend in which the oracle sees nothing wrong."""
        found = [each for (name, _), deviations in self._deviations.items() if name == backend for each in deviations]
        return {each.tensor for each in found} - {each.tensor for each in found if each.verdict != "agrees"}

    def _pairs(self, pass_name: PassName, tensor: TensorName) -> tuple[list[AgreementRow], list[Suspect]]:
        """Every pair of backends on a tensor, and who stands alone."""
        results = {}
        for backend, outputs in self._outputs.items():
            if tensor in outputs.get(pass_name, {}):
                result = self._load(outputs[pass_name][tensor])
                if result.shape == self._case.shape_of(tensor, len(self._tensors.x)):
                    results[backend] = self._right.select(tensor, result)
        # two right results may have been summed in dtypes of their own choice
        bound = allowed(self._right, tensor, exact=self._exact, sums="own")
        pairs = agreements(tensor, results, bound)
        rows = [agreement_row(pair.deviation, self._fill, pass_name, pair.one, pair.other) for pair in pairs]
        against_oracle = {
            backend: deviation.verdict
            for (backend, name), deviations in self._deviations.items()
            for deviation in deviations
            if name == pass_name and deviation.tensor == tensor
        }
        return rows, list(odd_ones(tensor, pairs, against_oracle))

    def _is_any_beyond(self, backend: str) -> bool:
        """Whether a result overflowed or has no due form."""
        return any(
            deviation.overflowed or self._is_malformed(deviation)
            for (name, _), deviations in self._deviations.items()
            for deviation in deviations
            if name == backend
        )

    def _load_all(self, paths: Mapping[TensorName, str]) -> dict[TensorName, NDArray[Any]]:
        return {name: self._load(path) for name, path in paths.items()}

    def _load(self, path: str) -> NDArray[Any]:
        """What a file of results holds; OSError or ValueError where it cannot be read."""
        if path not in self._read:
            self._read[path] = open_array(path)
        return self._read[path]

    def _is_malformed(self, deviation: Deviation) -> bool:
        """Whether it is of another shape or dtype, which no rounding explains."""
        return bool(deviation.form)


def _pass_of(tensor: TensorName) -> PassName:
    return "forward" if tensor == "y" else "backward"
