"""The checks of one backend's results against the oracle.

- Exact, on integer data: every element must be equal. An average whose divisor is no power of two cannot, as one
  library divides and another multiplies by a reciprocal; it is held to the bound instead.
- Random: every element must be within the bound of tolerance.py. In bfloat16 and float16 a result that exceeds the
  bound of sums in float32 may still be a right one with sums in its own dtype. It then agrees, with a remark, if it is
  as near as such sums are as a whole, too; unless zeros would pass as well: then nothing can be said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import LARGEST, LOW_PRECISION, numpy_dtype
from convbench.verify.bounds.low_precision import are_telling, is_honest
from convbench.verify.bounds.tolerance import Sizes, Sums
from convbench.verify.compare import Deviation, Element, Index, compare
from convbench.verify.reference.pooling import divisors
from convbench_specs import Case, Pool, TensorName

Results = Mapping[TensorName, NDArray[Any]]
"""y and the gradients, or some of them, as canonical NumPy arrays."""


class Right(Sizes, Protocol):
    """Right values of a case, all of them or a sample: Reference or Sample."""

    batch_size: int

    def bound(self, name: TensorName, sums: Sums = "float32") -> NDArray[Any]:
        """The largest error of a right result."""

    def select(self, name: TensorName, result: NDArray[Any]) -> NDArray[Any]:
        """The part of a result that the values are for."""

    def place(self, name: TensorName, index: Index) -> Index:
        """Where in the result an element of the values is."""


def check_against(right: Right, results: Results, *, exact: bool = False, slack: float = 0.0) -> list[Deviation]:
    """Check each result that is there; `exact` for tensors of integers, `slack` for what errors may exceed the bound.

    A result of another shape or dtype is untrusted, unless its values are wrong as well. Raises SpecError for a result
    that the case does not have.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # which inputs beyond the usual may do, right values too
        return [_check(right, name, actual, exact=exact, slack=slack) for name, actual in results.items()]


def allowed(right: Right, name: TensorName, *, exact: bool = False, sums: Sums = "float32") -> NDArray[Any]:
    """How far a right result may be off: the bound, or 0 on integers and choices, as an array without axes.

    Two backends in bfloat16 or float16 may take their sums differently: compare them with sums "own".
    """
    if right.is_chosen(name) or (exact and must_be_equal(right.case)):
        return np.zeros((), np.float32)
    return right.bound(name, sums if right.case.dtype in LOW_PRECISION else "float32")


def must_be_equal(case: Case) -> bool:
    """Whether integer data leaves no rounding in this case."""
    if not isinstance(case.operation, Pool) or case.operation.kind == "max":
        return True
    return bool(np.all(np.frexp(divisors(case))[0] == 0.5))  # powers of two


def _check(right: Right, name: TensorName, actual: NDArray[Any], *, exact: bool, slack: float) -> Deviation:
    shape, dtype = right.case.shape_of(name, right.batch_size), numpy_dtype(right.case.dtype)
    if actual.shape != shape:
        return Deviation(tensor=name, verdict="untrusted", form=f"has shape {actual.shape}, not {shape}")
    actual, reach = right.select(name, actual), None
    if not np.isfinite(actual).all():
        reach = _reach(right, name)

    def against(bound: NDArray[Any] | float) -> Deviation:
        expected, largest = right.values(name), LARGEST[right.case.dtype]
        return compare(name, actual, expected, bound, dtype=dtype, reach=reach, largest=largest)

    exact = exact and must_be_equal(right.case)
    found = against((0.0 if exact or right.is_chosen(name) else right.bound(name)) + slack)
    if found.verdict == "disagrees" and right.case.dtype in LOW_PRECISION and not exact:
        found = _with_sums_in_own(right, name, actual, found, against)
    return _placed(right, name, found)


def _reach(right: Right, name: TensorName) -> NDArray[np.float64]:
    """How large the sums behind each element may get: |r| + sqrt(K) T, before an average divides them."""
    case = right.case
    with np.errstate(over="ignore"):
        reach = np.sqrt(right.terms(name)) * right.spread(name).astype(np.float64) + np.abs(right.values(name))
        if isinstance(case.operation, Pool) and case.operation.kind == "average" and name == "y":
            reach *= float(divisors(case).max())
    return np.asarray(reach)


def _with_sums_in_own(
    right: Right,
    name: TensorName,
    actual: NDArray[Any],
    strict: Deviation,
    against: Callable[[NDArray[Any]], Deviation],
) -> Deviation:
    """What is said of a result that exceeds the strict bound, if sums in its own dtype are granted."""
    dtype, most = right.case.dtype, int(np.max(right.terms(name), initial=0))
    if right.is_chosen(name):
        return strict
    bound = right.bound(name, "own")
    loose = against(bound)
    if loose.verdict == "disagrees":
        return loose
    off = f"for sums in float32 it is {strict.multiple:.2g} times the bound off"
    if not is_honest(right, name, actual):
        return replace(strict, remark=f"as a whole too far off even for sums of {most} terms in {dtype}")
    if are_telling(right, name, bound):
        return replace(loose, remark=f"as sums in {dtype} are; {off}")
    remark = f"too far off for sums in float32, and sums of {most} in {dtype} would let zeros pass"
    return replace(loose, verdict="untrusted", remark=remark)


def _placed(right: Right, name: TensorName, found: Deviation) -> Deviation:
    """The deviation with places of the whole result, not of the sample."""

    def place(element: Element | None) -> Element | None:
        return element and replace(element, index=right.place(name, element.index))

    return replace(found, first=place(found.first), worst=place(found.worst))
