"""What right results satisfy whatever the right values are: checks that need no oracle.

Convolution, average, and a maximum whose winners are known are linear, and dx is the adjoint:

- adjoint: <y - b, dy> = <x, dx> = <w, dw>;
- batch additivity: a batch is its parts side by side: y and dx of two halves joined, dw and db of two halves added;
- finite differences: see differences.py.

That db is the sum of dy is what the oracle computes for db, at any size all of it.

They hold at sizes where no oracle is affordable. Bounds are those of tolerance.py with T replaced by what random data
lead to expect (expected.py); so these checks are for random data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import fsum, inf, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench.verify.check import Results
from convbench.verify.compare import BLOCK, Deviation, compare
from convbench.verify.identities.expected import expect
from convbench.verify.reference import precise
from convbench.verify.reference.full import oracle
from convbench_specs import Case, PassName, TensorName, Tensors

Array = NDArray[Any]
Compute = Callable[[Tensors, Sequence[PassName]], Results]
"""Runs passes of a backend on given tensors, wherever it runs; returns what they return, by tensor."""
PASSES: tuple[PassName, ...] = ("forward", "backward")


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """Two inner products that must be equal, of the results named; `allowed` is how far rounding can part them."""

    results: tuple[TensorName, TensorName]
    one: float
    other: float
    allowed: float

    @property
    def verdict(self) -> Literal["agrees", "disagrees"]:
        """Whether they are equal within what is allowed; NaN never is."""
        return "agrees" if abs(self.one - self.other) <= self.allowed else "disagrees"

    @property
    def multiple(self) -> float:
        """How far they are apart, in what is allowed."""
        apart = abs(self.one - self.other)
        if not apart:
            return 0.0
        return apart / self.allowed if apart < inf and self.allowed else inf

    def describe(self) -> str:
        """One sentence."""
        left, right = (INNER_PRODUCTS[name] for name in self.results)
        relation = "=" if self.verdict == "agrees" else "is not"
        return f"{left} {relation} {right}: {self.one:.9g} and {self.other:.9g}, at most {self.allowed:.2g} apart"


INNER_PRODUCTS: Mapping[TensorName, str] = {"y": "<y - b, dy>", "dx": "<x, dx>", "dw": "<w, dw>"}


def adjoint(case: Case, tensors: Tensors, results: Results) -> list[Products]:
    """Compare <y - b, dy>, <x, dx> and <w, dw>, as far as their results are there, each with each.

    Where one of three is wrong, the two that hold it disagree.
    """
    partners: dict[TensorName, Array | None] = {"y": tensors.dy, "dx": tensors.x, "dw": tensors.w}
    sides = {
        name: _inner_with_error(case, tensors, name, results[name], partner)
        for name, partner in partners.items()
        if name in results and partner is not None
    }
    return [
        Products(results=(a, b), one=sides[a][0], other=sides[b][0], allowed=sides[a][1] + sides[b][1])
        for a, b in combinations(sides, 2)
    ]


def batch_additivity(case: Case, tensors: Tensors, whole: Results, compute: Compute) -> list[Deviation]:
    """Compare the results for a batch with those for its two halves; nothing for fewer than two instances."""
    half = len(tensors.x) // 2
    if not half:
        return []
    first = compute(replace(tensors, x=tensors.x[:half], dy=tensors.dy[:half]), PASSES)
    second = compute(replace(tensors, x=tensors.x[half:], dy=tensors.dy[half:]), PASSES)
    found = []
    for name, result in whole.items():
        summed = name in ("dw", "db")
        parts = (first[name].astype(np.float64), second[name].astype(np.float64))
        expected = parts[0] + parts[1] if summed else np.concatenate(parts)
        rounded = 3 if summed else 2  # right results that are compared: the whole, and one part or both
        found.append(compare(name, result, expected, rounded * expect(case, tensors, name).bound(expected)))
    return found


def _inner_with_error(
    case: Case, tensors: Tensors, name: TensorName, result: Array, partner: Array
) -> tuple[float, float]:
    """<result, partner>, without the bias in y, and what rounding errors in the result make of it.

    Errors of many elements have random signs and add up like their root sum of squares.
    """
    expected, flat_result, flat_partner = expect(case, tensors, name), np.ravel(result), np.ravel(partner)
    inner, squares, error_squares = [0.0], [0.0], [0.0]
    with np.errstate(invalid="ignore"):  # infinity times 0, in a wrong result
        for start in range(0, result.size, BLOCK):
            a, b = (flat[start : start + BLOCK].astype(np.float64) for flat in (flat_result, flat_partner))
            products, errors = a * b, expected.bound(a) * b
            # products of what is narrower than float64 are exact in it, and their sum far better than what it judges
            inner.append(float(precise.bilinear(_dot, a, b, BLOCK) if case.dtype == "float64" else products.sum()))
            squares.append(float(np.dot(products, products)))
            error_squares.append(float(np.dot(errors, errors)))
    if name == "y" and tensors.b is not None:
        inner.extend(-tensors.b.astype(np.float64) * oracle(case, tensors).db)
    total = fsum(inner)
    return total, sqrt(fsum(error_squares)) + 2.0**-50 * (fsum(map(abs, inner)) + sqrt(fsum(squares)))


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.dot(a, b))
