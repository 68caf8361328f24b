"""Two arrays against each other within a bound: how many elements are off, where, by how much.

Rules:
- An element is off if it is further from the expected one than the bound; with a bound of 0 it must be equal.
- Infinities of one sign are equal. NaN equals only NaN. Where the right value is not finite, all else is off.
- Infinity where the right sum may exceed the largest number of the dtype is overflow, which is no disagreement: the
  result cannot be judged, so the verdict is "untrusted". So it is for another shape or dtype; what has another dtype is
  compared all the same, as its values may be wrong as well.
- Memory is bounded: arrays are compared block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench_specs import TensorName

Verdict = Literal["agrees", "disagrees", "untrusted", "differs on NaN"]
"""The last is for inputs with NaN or infinity: on numbers the result may be right, so nobody is wrong for it."""
DIFFERS_ON_NAN: Verdict = "differs on NaN"
SEVERITY: Mapping[str, int] = {"agrees": 0, DIFFERS_ON_NAN: 1, "untrusted": 2, "disagrees": 3}
RIGHT_ON_NUMBERS: tuple[Verdict, ...] = ("agrees", DIFFERS_ON_NAN)
"""Verdicts with which a result is right on every number."""
Index = tuple[int, ...]

BLOCK = 2**14
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
    the first element that is off. Of the elements that are off `not_finite` are NaN or infinity; `worst_number` is
    the worst of the others. `largest_error` is absolute. `form` says which shape or dtype the result
    has, where that is not its due; `remark` says in words what else the numbers do not.
    """

    tensor: TensorName
    verdict: Verdict
    total: int = 0
    off: int = 0
    overflowed: int = 0
    largest_error: float = 0.0
    first: Element | None = None
    worst: Element | None = None
    not_finite: int = 0
    worst_number: Element | None = None
    form: str = ""
    remark: str = ""

    @property
    def multiple(self) -> float:
        """The largest error in bounds: 0.3 is comfortable, 5 is wrong; infinite where equality was due."""
        return self.worst.multiple if self.worst else 0.0

    def describe(self) -> str:
        """One sentence."""
        told = "; ".join(each for each in (self.form, self._values(), self.remark) if each)
        return f"{self.tensor}: {told}"

    def _values(self) -> str:
        """What the elements say, if anything."""
        if self.off:
            return self._elements_off()
        if self.overflowed:
            return f"{self.overflowed:,} of {self.total:,} elements overflowed to infinity"
        if self.verdict == "untrusted":
            return ""
        size = f"{self.multiple:.2g} times the bound at most" if self.worst else "every element is equal"
        return f"agrees, {size}"

    def _elements_off(self) -> str:
        bad = f", {self.not_finite:,} of them NaN or infinity" if 0 < self.not_finite < self.off else ""
        text = f"{self.off:,} of {self.total:,} elements off{bad}; first at {self.first}"
        worst = self.worst_number if bad else self.worst
        if worst and self.first and worst.index != self.first.index:
            text += f"; worst at {worst}"
        if worst and isfinite(worst.multiple):
            text += f", {worst.multiple:.2g} times the bound"
        return f"{text}; {self.overflowed:,} more overflowed to infinity" if self.overflowed else text


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
        return Deviation(tensor=tensor, verdict="untrusted", form=f"has shape {actual.shape}, not {expected.shape}")
    form = "" if dtype is None or actual.dtype == dtype else f"has dtype {actual.dtype}, not {dtype}"
    if form and actual.dtype.kind not in "fiu":
        return Deviation(tensor=tensor, verdict="untrusted", form=form)
    found = Deviation(tensor=tensor, verdict="agrees", total=actual.size, form=form)
    if np.ndim(bound) or bound or not np.array_equal(actual, expected):
        for block in _blocks(actual, expected, bound, None if reach is None else reach >= largest):
            found = _merge(found, block)
    if found.off:
        return replace(found, verdict="disagrees")
    return replace(found, verdict="untrusted") if found.overflowed or form else found


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive elements, in row-major order, of arrays of a shape."""

    start: int
    shape: Index
    actual: NDArray[Any]
    expected: NDArray[Any]
    bound: NDArray[Any] | float
    can_overflow: NDArray[np.bool_] | bool

    def errors(self) -> tuple[NDArray[np.float64], int]:
        """The absolute error of each element, infinite where one value is not finite, and how many overflowed."""
        with np.errstate(invalid="ignore", over="ignore"):
            error = self.actual.astype(np.float64)
            error -= self.expected
            np.abs(error, out=error)
        if isfinite(error.max()):  # not for a NaN either
            return error, 0
        finite = np.isfinite(error)
        same = (self.actual == self.expected) | (np.isnan(self.actual) & np.isnan(self.expected))
        overflowed = np.isinf(self.actual) & ~same & self.can_overflow & np.isfinite(self.expected)
        return np.where(finite, error, np.where(same | overflowed, 0.0, inf)), int(overflowed.sum())

    def multiples(self, error: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each error in bounds; 0 where there is none, whatever the bound."""
        with np.errstate(divide="ignore", invalid="ignore"):
            multiple: NDArray[np.float64] = error / self.bound
        if not isnan(multiple.max()):
            return multiple
        return np.where(error == inf, inf, np.where(error > 0, multiple, 0.0))

    def element(self, position: int, multiple: float) -> Element:
        index = np.unravel_index(self.start + position, self.shape)
        return Element(
            index=tuple(int(i) for i in index),
            actual=float(self.actual[position]),
            expected=float(self.expected[position]),
            multiple=multiple,
        )


def _blocks(
    actual: NDArray[Any], expected: NDArray[Any], bound: NDArray[Any] | float, can_overflow: NDArray[np.bool_] | None
) -> Iterator[_Block]:
    flat_actual, flat_expected = np.ravel(actual), np.ravel(expected)
    bounds = np.ravel(bound) if np.ndim(bound) else None
    for start in range(0, actual.size, BLOCK):
        part = slice(start, start + BLOCK)
        yield _Block(
            start,
            actual.shape,
            flat_actual[part],
            flat_expected[part],
            float(bound) if bounds is None else bounds[part],
            False if can_overflow is None else np.ravel(can_overflow)[part],
        )


def _merge(found: Deviation, block: _Block) -> Deviation:
    """What was found so far, and what one block adds."""
    error, overflowed = block.errors()
    if overflowed:
        found = replace(found, overflowed=found.overflowed + overflowed)
    largest_error = float(error.max())
    if not largest_error:
        return found
    multiple = block.multiples(error)
    worst = int(np.argmax(multiple))
    largest = float(multiple[worst])
    if largest > 1:
        off = multiple > 1
        first = int(np.argmax(off))
        found = replace(
            found,
            off=found.off + int(np.count_nonzero(off)),
            first=found.first or block.element(first, float(multiple[first])),
        )
    if largest_error > found.largest_error:
        found = replace(found, largest_error=largest_error)
    if found.worst is None or largest > found.multiple:
        found = replace(found, worst=block.element(worst, largest))
    if isfinite(largest_error):
        return _with_worst_number(found, block, worst, largest)
    finite = np.isfinite(error)
    found = replace(found, not_finite=found.not_finite + int(np.count_nonzero(~finite)))
    numbers = np.where(finite, multiple, 0.0)
    worst = int(np.argmax(numbers))
    return _with_worst_number(found, block, worst, float(numbers[worst])) if finite[worst] else found


def _with_worst_number(found: Deviation, block: _Block, worst: int, multiple: float) -> Deviation:
    """What was found so far, and the worst element of a block that is neither NaN nor infinite, which would hide it."""
    if found.worst_number and multiple <= found.worst_number.multiple:
        return found
    return replace(found, worst_number=block.element(worst, multiple))
