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
from convbench.verify.explain.narrowing import affordable, manageable, one_instance
from convbench.verify.explain.orders import axis_names, operand_hypotheses, order_hypotheses, shift_hypotheses
from convbench.verify.explain.pools import pool_hypotheses
from convbench.verify.explain.precision import operand_precision_hypotheses, result_precision_hypotheses
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench.verify.explain.regions import content_hypotheses, nothing_hypotheses, place_hypotheses
from convbench.verify.explain.sums import earlier_hypotheses, factor_hypotheses, sum_hypotheses
from convbench.verify.explain.windows import window_hypotheses
from convbench_specs import Case, TensorName, Tensors

MOST = 3
"""Hypotheses that are told."""
FEWEST = 4
"""Wrong elements below which numbers may agree by chance."""
LONGEST_LIST = 8
"""Places of an axis that are listed one by one."""

Hypotheses = Callable[[Problem], Iterator[Hypothesis]]
BY_REFERENCE: tuple[Hypotheses, ...] = (
    kernel_hypotheses,
    window_hypotheses,
    sum_hypotheses,
    pool_hypotheses,
    operand_hypotheses,
    operand_precision_hypotheses,
    earlier_hypotheses,
)
"""Those whose predictions cost a computation of the whole case."""
RANKS: tuple[tuple[Hypotheses, ...], ...] = (
    (content_hypotheses, earlier_hypotheses, order_hypotheses),
    (
        kernel_hypotheses,
        window_hypotheses,
        sum_hypotheses,
        pool_hypotheses,
        operand_hypotheses,
        nothing_hypotheses,
    ),
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
    previous: Callable[[], Tensors] | None = None,
) -> tuple[Explanation, ...]:
    """Why a result is not the right one; empty where it is.

    `actual` has the canonical shape of the tensor, as `right` has. `bound` is how far a right result may be off, or 0
    where it must be equal. `previous` makes the tensors that the backend had before, if there were any.
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
    by_chance = " (so few elements may agree by chance)" if np.count_nonzero(problem.off) < FEWEST else ""
    views = {False: manageable(problem), True: affordable(problem)}
    for rank in RANKS:
        found = [
            (each, view.words)
            for hypotheses in rank
            if (view := views[hypotheses in BY_REFERENCE])
            for each in _sifted(view.problem, hypotheses)
        ]
        if found and found[0][0].only_says_where:
            smallest, words = min(found, key=_unclaimed)
            return (Explanation(smallest.name, smallest.sentence + words),)
        if found:
            return tuple(Explanation(each.name, each.sentence + by_chance + words) for each, words in found[:MOST])
    untested = "" if all(views.values()) else "; too large to test all hypotheses"
    return (Explanation(UNEXPLAINED, f"no hypothesis fits: {_where(problem)}{untested}"),)


def fitting(problem: Problem, rank: tuple[Hypotheses, ...]) -> list[Hypothesis]:
    """The hypotheses of a rank that fit."""
    return [each for hypotheses in rank for each in _sifted(problem, hypotheses)]


def _sifted(problem: Problem, hypotheses: Hypotheses) -> list[Hypothesis]:
    """Those that fit; what costs most is tried on one instance that is wrong first, where most can be ruled out."""
    with np.errstate(all="ignore"):  # a mistake may overflow, and the wrong result may hold anything
        if hypotheses not in BY_REFERENCE or problem.tensor not in ("y", "dx") or problem.batch_size == 1:
            return [each for each in hypotheses(problem) if problem.fits(each)]
        one = one_instance(problem).problem
        likely = {(each.name, each.sentence) for each in hypotheses(one) if one.fits(each)}
        return [each for each in hypotheses(problem) if (each.name, each.sentence) in likely and problem.fits(each)]


def _unclaimed(found: tuple[Hypothesis, str]) -> int:
    """Elements of which a prediction says nothing: the fewer, the more specific it is."""
    prediction = found[0].predict()
    assert prediction is not None
    return int(np.isnan(prediction).sum())


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
