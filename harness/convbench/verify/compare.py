"""Two arrays against each other within a bound: how many elements are off, where, by how much.

Rules:
- An element is off if it is further from the expected one than the bound; with a bound of 0 it must be equal.
- Infinities of one sign are equal. NaN equals only NaN.
- Infinity where the right sum may exceed the largest number of the dtype is overflow, which is no disagreement: the
  result cannot be judged, so the verdict is "untrusted". So it is for another shape or dtype.
- Memory is bounded: arrays are compared block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench_specs import TensorName

Verdict = Literal["agrees", "disagrees", "untrusted"]
Index = tuple[int, ...]

BLOCK = 2**16
"""Elements that are compared at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a result beside the right value; `multiple` is its error in bounds."""

    index: Index
    actual: float
    expected: float
    multiple: float

    def __str__(self) -> str:
        return f"{self.index}: {self.actual:.9g} where {self.expected:.9g} is right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How far a result is from what is right.

    `worst` is the element with the largest error in bounds, None where there is no element or all are equal; `first` is
    the first element that is off. `largest_error` is absolute. `remark` says in words what the numbers do not.
    """

    tensor: TensorName
    verdict: Verdict
    total: int = 0
    off: int = 0
    overflowed: int = 0
    largest_error: float = 0.0
    first: Element | None = None
    worst: Element | None = None
    remark: str = ""

    @property
    def multiple(self) -> float:
        """The largest error in bounds: 0.3 is comfortable, 5 is wrong; infinite where equality was due."""
        return self.worst.multiple if self.worst else 0.0

    def describe(self) -> str:
        """One sentence."""
        if self.verdict == "untrusted" and not self.overflowed:
            return f"{self.tensor}: {self.remark}"
        remark = f"; {self.remark}" if self.remark else ""
        if self.overflowed:
            return f"{self.tensor}: {self.overflowed:,} of {self.total:,} elements overflowed to infinity{remark}"
        if self.verdict == "agrees":
            size = f"{self.multiple:.2g} times the bound at most" if self.worst else "every element is equal"
            return f"{self.tensor}: agrees, {size}{remark}"
        text = f"{self.tensor}: {self.off:,} of {self.total:,} elements off; first at {self.first}"
        if self.worst and self.first and self.worst.index != self.first.index:
            text += f"; worst at {self.worst}"
        if isfinite(self.multiple):
            text += f", {self.multiple:.2g} times the bound"
        return text + remark


def compare(
    tensor: TensorName,
    actual: NDArray[Any],
    expected: NDArray[Any],
    bound: NDArray[Any] | float,
    *,
    dtype: np.dtype[Any] | None = None,
    reach: NDArray[Any] | None = None,
    largest: float = inf,
) -> Deviation:
    """Compare a result with the right one, or with another result; both real arrays of one shape.

    `bound` is a number or an array of that shape; `dtype` is what the result must have. `reach` is how large the sums
    behind each element may get: where it exceeds `largest`, the largest number of the dtype, infinity is overflow.
    """
    if actual.shape != expected.shape:
        return Deviation(tensor=tensor, verdict="untrusted", remark=f"has shape {actual.shape}, not {expected.shape}")
    if dtype is not None and actual.dtype != dtype:
        return Deviation(tensor=tensor, verdict="untrusted", remark=f"has dtype {actual.dtype}, not {dtype}")
    found = Deviation(tensor=tensor, verdict="agrees", total=actual.size)
    flat = [np.ravel(array) for array in (actual, expected)]
    bounds, reaches = _flat_or_number(bound), None if reach is None else np.ravel(reach)
    for start in range(0, actual.size, BLOCK):
        part = slice(start, start + BLOCK)
        here = bounds if isinstance(bounds, float) else bounds[part]
        can_overflow = None if reaches is None else reaches[part] >= largest
        found = _merge(found, start, actual.shape, flat[0][part], flat[1][part], here, can_overflow)
    if found.off:
        return replace(found, verdict="disagrees")
    return replace(found, verdict="untrusted") if found.overflowed else found


def _flat_or_number(bound: NDArray[Any] | float) -> NDArray[Any] | float:
    return np.ravel(bound) if isinstance(bound, np.ndarray) and bound.ndim else float(bound)


def _merge(
    found: Deviation,
    start: int,
    shape: Index,
    actual: NDArray[Any],
    expected: NDArray[Any],
    bound: NDArray[Any] | float,
    can_overflow: NDArray[np.bool_] | None,
) -> Deviation:
    """What was found so far, and what one block adds."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(actual, expected, dtype=np.float64))
    finite = np.isfinite(error)
    overflowed = np.zeros(error.shape, bool)
    if not finite.all():
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        if can_overflow is not None:
            overflowed = np.isinf(actual) & ~same & can_overflow
        error = np.where(finite, error, np.where(same | overflowed, 0.0, inf))
    if not error.any():
        return replace(found, overflowed=found.overflowed + int(overflowed.sum()))
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = np.where(error > 0, error / bound, 0.0)
    off = multiple > 1

    def element(position: int) -> Element:
        index = tuple(int(i) for i in np.unravel_index(start + position, shape))
        return Element(
            index=index,
            actual=float(actual[position]),
            expected=float(expected[position]),
            multiple=float(multiple[position]),
        )

    worst = int(np.argmax(multiple))
    return replace(
        found,
        off=found.off + int(off.sum()),
        overflowed=found.overflowed + int(overflowed.sum()),
        largest_error=max(found.largest_error, float(error.max())),
        first=found.first or (element(int(np.argmax(off))) if off.any() else None),
        worst=element(worst) if found.worst is None or multiple[worst] > found.multiple else found.worst,
    )
