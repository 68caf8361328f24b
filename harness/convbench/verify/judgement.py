"""What the checks of an item say, as values: a row of the agreement table, and the verdict of a cell."""

from __future__ import annotations

from dataclasses import dataclass

from convbench.verify.compare import Deviation, Verdict
from convbench.verify.data import Fill
from convbench.verify.explain import UNEXPLAINED, Explanation
from convbench_specs import PassName, TensorName

Told = tuple[str, PassName, TensorName]
"""A backend, a pass, and what of its results was explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One tensor of two backends, or of a backend (`left`) and a reference; columns of the agreement table."""

    pass_name: PassName
    data: Fill
    tensor: TensorName
    left: str
    right: str
    verdict: Verdict
    bound_multiple: float
    count_off: int
    count: int
    first_index: tuple[int, ...]
    worst_index: tuple[int, ...]
    left_value: float | None
    right_value: float | None
    description: str
    explanations: tuple[Explanation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellVerdict:
    """The verdict of a cell: `own` of the check against the right values by itself, `verdict` of all checks.

    `reason`, `tensor` and `finding` say what is wrong; None where nothing is. `explanations` say what that comes from,
    unless it was explained on an earlier filling of the tensors. `is_wrong` says that the cell's status is wrong: data
    that are too weak to tell make a verdict untrusted, but no backend wrong. Nor is one wrong that differs on NaN.
    """

    own: Verdict
    verdict: Verdict
    reason: str | None = None
    tensor: str | None = None
    finding: str | None = None
    odd_one_out: str | None = None
    identities: Verdict | None = None
    explanations: tuple[Explanation, ...] = ()
    is_wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything that the checks say of an item on one filling of its tensors.

    `sampled` says what of each result was checked, where that is not all; else it is empty.
    """

    data: Fill
    rows: tuple[AgreementRow, ...]
    verdicts: dict[tuple[str, PassName], CellVerdict]
    sampled: str = ""

    @property
    def told(self) -> set[Told]:
        """What was explained by a hypothesis, so that further fillings of the tensors need not be."""
        return {
            (row.left, row.pass_name, row.tensor)
            for row in self.rows
            if row.explanations and row.explanations[0].name != UNEXPLAINED
        }


def agreement_row(
    deviation: Deviation,
    data: Fill,
    pass_name: PassName,
    left: str,
    right: str,
    *,
    sentence: str = "",
    explanations: tuple[Explanation, ...] = (),
) -> AgreementRow:
    """The row of a comparison; `sentence` replaces the description of the deviation."""
    worst, first = deviation.worst, deviation.first
    return AgreementRow(
        pass_name=pass_name,
        data=data,
        tensor=deviation.tensor,
        left=left,
        right=right,
        verdict=deviation.verdict,
        bound_multiple=deviation.multiple,
        count_off=deviation.off,
        count=deviation.total,
        first_index=first.index if first else (),
        worst_index=worst.index if worst else (),
        left_value=worst.actual if worst else None,
        right_value=worst.expected if worst else None,
        description=sentence or deviation.describe(),
        explanations=explanations,
    )
