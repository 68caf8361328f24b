"""Results that were computed in a lower precision than the case asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from convbench.verify.bounds.dtypes import MANTISSA_BITS, round_to
from convbench.verify.bounds.terms import most_terms
from convbench.verify.explain.altered import computed
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench_specs import DType

LOWER: tuple[DType, ...] = ("float32", "float16", "bfloat16")
"""Dtypes of lower precision, the best first."""
FEWEST = 16
"""Elements from which the size of errors can be told."""
MOSTLY = 0.3
"""Share of the elements that must be wrong, as low precision spoils them all alike."""
NEAREST, FURTHEST = 0.1, 6.0
"""Typical and largest errors of sums in units of their last place; the largest times the root of their terms."""
SHARE = 0.97
"""Of the elements, for what cannot be known of each."""


def operand_precision_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """Operands that were rounded before they were multiplied; tensor cores do so."""
    if problem.case.w_shape is None or problem.tensor == "db":
        return
    rounders: list[tuple[str, int, Callable[[Array], Array]]] = [
        ("TF32, 10 bits", 11, _to_tf32),
        *((dtype, MANTISSA_BITS[dtype], partial(round_to, dtype=dtype)) for dtype in LOWER),
    ]
    for what, bits, to_lower in rounders:
        if bits < MANTISSA_BITS[problem.case.dtype]:
            sentence = f"the operands of {problem.tensor} are rounded to {what}"
            predict = partial(_rounded, problem, to_lower)
            yield Hypothesis(name="operands_in_lower_precision", sentence=sentence, predict=predict)


def _rounded(problem: Problem, to_lower: Callable[[Array], Array]) -> Array:
    given = problem.tensors
    assert given.w is not None
    with np.errstate(over="ignore"):
        x, dy, w = (to_lower(each).astype(each.dtype) for each in (given.x, given.dy, given.w))
    return computed(problem, x=x, dy=dy, w=w)


def _to_tf32(values: Array) -> Array:
    """Rounded to 10 bits of the fraction, half away from zero, as tensor cores take their operands."""
    bits = values.astype(np.float32).view(np.uint32) + np.uint32(0x1000)
    rounded: Array = (bits & np.uint32(0xFFFFE000)).view(np.float32)
    return rounded


def result_precision_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """A result all of whose elements are numbers of a lower precision, or that is as far off as its sums would be.

    These cannot be predicted, as the order of the sums is not known: what fits is predicted to be as it is.
    """
    if not np.isfinite(problem.actual).all() or np.mean(problem.off) < MOSTLY:
        return
    name, actual = problem.tensor, problem.actual
    lower = [dtype for dtype in LOWER if MANTISSA_BITS[dtype] < MANTISSA_BITS[problem.case.dtype]]
    rounded = next((dtype for dtype in reversed(lower) if _is_rounded(problem, dtype)), None)
    if rounded:
        sentence = f"every element of {name} is a number of {rounded}: it was computed or rounded in that"
        yield Hypothesis(name="result_in_lower_precision", sentence=sentence, predict=lambda: actual)
    summed = next((dtype for dtype in lower if _has_errors_of(problem, dtype)), None)
    if summed and summed != rounded:
        sentence = f"the errors of {name} are of the size that sums in {summed} have"
        yield Hypothesis(name="sums_in_lower_precision", sentence=sentence, predict=lambda: actual)


def _is_rounded(problem: Problem, dtype: DType) -> bool:
    """Whether the elements are numbers of a dtype, which right ones are not, and near enough to these."""
    if _is_of(problem.right, dtype) or not _is_of(problem.actual, dtype):
        return False  # small integers are numbers of any dtype
    error = np.abs(problem.actual - problem.right) / _unit(problem, dtype)
    return float(np.mean(error <= FURTHEST * np.sqrt(_terms(problem)))) >= SHARE


def _has_errors_of(problem: Problem, dtype: DType) -> bool:
    """Whether the errors are neither smaller nor larger than those of sums in a dtype."""
    error = np.abs(problem.actual - problem.right) / _unit(problem, dtype)
    typical, largest = float(np.sqrt(np.mean(np.square(error)))), float(error.max())
    return error.size >= FEWEST and typical >= NEAREST and largest <= FURTHEST * np.sqrt(_terms(problem))


def _unit(problem: Problem, dtype: DType) -> float:
    """The unit roundoff of a dtype times the size of the right result."""
    size = float(np.sqrt(np.mean(np.square(problem.right))))
    return 2.0 ** -MANTISSA_BITS[dtype] * (size or 1.0)


def _terms(problem: Problem) -> int:
    return most_terms(problem.case, problem.tensor, problem.batch_size)


def _is_of(values: Array, dtype: DType) -> bool:
    """Whether nearly all values are numbers of a dtype."""
    with np.errstate(over="ignore"):
        return float(np.mean(round_to(values, dtype).astype(np.float64) == values)) >= SHARE
