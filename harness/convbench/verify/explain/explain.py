"""Why a result is wrong: every hypothesis is tested by computing what it predicts; those that fit are told.

Hypotheses come in ranks, the most specific first: what the result is as a whole, computed from nothing that was read
off it; then what has a number that was read off it; then where alone it is wrong; then how large the errors are. Of the
first rank in which anything fits at most MOST are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.explain.explanation import UNEXPLAINED, Explanation
from convbench.verify.explain.kernels import kernel_hypotheses
from convbench.verify.explain.orders import axis_names, operand_hypotheses, order_hypotheses, shift_hypotheses
from convbench.verify.explain.pools import pool_hypotheses
from convbench.verify.explain.precision import operand_precision_hypotheses, result_precision_hypotheses
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench.verify.explain.regions import content_hypotheses, nothing_hypotheses, place_hypotheses
from convbench.verify.explain.sums import earlier_hypotheses, factor_hypotheses, sum_hypotheses
from convbench.verify.explain.windows import window_hypotheses
from convbench_specs import Case, Flatten, TensorName, Tensors, multiply_adds

MOST = 3
"""Hypotheses that are told."""
FEWEST = 4
"""Wrong elements below which numbers may agree by chance."""
MOST_ELEMENTS = 2**22
"""Of a result; of a larger y or dx one instance is looked at."""
MOST_WORK = 5 * 10**7
"""Multiply-adds of one prediction by the reference; there are some dozens of them."""
LONGEST_LIST = 8
"""Places of an axis that are listed one by one."""

Hypotheses = Callable[[Problem], Iterator[Hypothesis]]
BY_REFERENCE: tuple[Hypotheses, ...] = (
    kernel_hypotheses,
    window_hypotheses,
    sum_hypotheses,
    pool_hypotheses,
    operand_hypotheses,
)
"""Those whose predictions cost a computation of the whole case."""
RANKS: tuple[tuple[Hypotheses, ...], ...] = (
    (content_hypotheses, earlier_hypotheses, order_hypotheses),
    (*BY_REFERENCE, nothing_hypotheses),
    (factor_hypotheses, operand_precision_hypotheses),
    (shift_hypotheses,),
    (place_hypotheses,),
    (result_precision_hypotheses,),
)


def explain(
    case: Case,
    tensors: Tensors,
    tensor: TensorName,
    *,
    actual: NDArray[Any],
    right: NDArray[np.float64],
    bound: NDArray[Any] | float,
    previous: Callable[[], NDArray[np.float64]] | None = None,
) -> tuple[Explanation, ...]:
    """Why a result is not the right one; empty where it is.

    `actual` has the canonical shape of the tensor, as `right` has. `bound` is how far a right result may be off, or 0
    where it must be equal. `previous` gives the right result for the tensors that the backend had before, if there were
    any.
    """
    problem = Problem(
        case=case,
        tensors=tensors,
        tensor=tensor,
        actual=actual.astype(np.float64),
        right=right,
        bound=np.asarray(bound, np.float64),
        previous=previous,
    )
    if not problem.off.any():
        return ()
    seen, remark = problem, ""
    if np.count_nonzero(problem.off) < FEWEST:
        remark = " (so few elements may fit by chance)"
    if problem.right.size > MOST_ELEMENTS and tensor in ("y", "dx"):
        number = int(np.argmax(problem.off.reshape(problem.batch_size, -1).any(axis=1)))
        seen, remark = problem.instance(number), f"{remark} (tested on instance {number})"
    if seen.right.size > MOST_ELEMENTS:
        return (Explanation(UNEXPLAINED, f"{_where(problem)}; too large to test hypotheses"),)
    with np.errstate(all="ignore"):
        for rank in RANKS:
            if found := fitting(seen, rank):
                return tuple(Explanation(each.name, each.sentence + remark) for each in _most_specific(found))
    left_out = "; too large to test what needs the case computed again" if _is_costly(seen) else ""
    return (Explanation(UNEXPLAINED, f"no hypothesis fits: {_where(problem)}{left_out}"),)


def fitting(problem: Problem, rank: tuple[Hypotheses, ...]) -> list[Hypothesis]:
    """The hypotheses of a rank that fit."""
    found = []
    for hypotheses in rank:
        if hypotheses in (*BY_REFERENCE, operand_precision_hypotheses):
            if not _is_costly(problem):
                found += _tested_on_one(problem, hypotheses)
        else:
            found += [each for each in hypotheses(problem) if problem.fits(each)]
    return found


def _most_specific(found: list[Hypothesis]) -> list[Hypothesis]:
    """Those that are told: each prediction's mistake, or of places that contain each other the smallest."""
    if found[0].only_says_where:
        return [min(found, key=_unclaimed)]
    return found[:MOST]


def _unclaimed(hypothesis: Hypothesis) -> int:
    """Elements of which a prediction says nothing."""
    prediction = hypothesis.predict()
    assert prediction is not None
    return int(np.isnan(prediction).sum())


def _tested_on_one(problem: Problem, hypotheses: Hypotheses) -> list[Hypothesis]:
    """Those that fit, of y and dx first on one instance that is wrong, as most can be ruled out there."""
    if problem.tensor not in ("y", "dx") or problem.batch_size == 1:
        return [each for each in hypotheses(problem) if problem.fits(each)]
    one = problem.instance(int(np.argmax(problem.off.reshape(problem.batch_size, -1).any(axis=1))))
    likely = {(each.name, each.sentence) for each in hypotheses(one) if one.fits(each)}
    return [each for each in hypotheses(problem) if (each.name, each.sentence) in likely and problem.fits(each)]


def _is_costly(problem: Problem) -> bool:
    """Whether one prediction by the reference costs too much; of y and dx most are tested on one instance."""
    if isinstance(problem.case.operation, Flatten):
        return False
    instances = 1 if problem.tensor in ("y", "dx") else problem.batch_size
    return multiply_adds(problem.case) * instances > MOST_WORK


def _where(problem: Problem) -> str:
    """Where a result is wrong, in words."""
    off, total = int(problem.off.sum()), problem.off.size
    text = f"{off:,} of {total:,} elements of {problem.tensor} are off"
    lost = int(np.isnan(problem.actual).sum())
    if lost:
        text += f", {lost:,} of them NaN"
    for axis, (size, name) in enumerate(zip(problem.right.shape, axis_names(problem), strict=True)):
        others = tuple(dim for dim in range(problem.right.ndim) if dim != axis)
        wrong = np.flatnonzero(problem.off.any(axis=others))
        if len(wrong) < size:
            text += f"; {name}{'s' * (len(wrong) > 1)} {_listed(wrong)} of {size}"
    error = np.abs(problem.actual - problem.right)[problem.off]
    finite: Array = error[np.isfinite(error)]
    return f"{text}; by {finite.max():.3g} at most" if finite.size else text


def _listed(numbers: NDArray[np.intp]) -> str:
    """Indices in words: a range where they follow each other."""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 == len(numbers) > 1:
        return f"{first} to {last}"
    listed = ", ".join(map(str, numbers[:LONGEST_LIST]))
    return listed if len(numbers) <= LONGEST_LIST else f"{listed} and {len(numbers) - LONGEST_LIST} more"
