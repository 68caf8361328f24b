"""What right results satisfy whatever the right values are: checks that need no oracle.

Convolution, average, and a maximum whose winners are known are linear, and dx is the adjoint:

- <y - b, dy> = <x, dx> = <w, dw>, and db is the sum of dy;
- a batch is its parts side by side: y and dx of two halves joined, dw and db of two halves added;
- the central difference of <y, dy> by one element of x, w or b is that element's gradient. Of a linear map it is exact
  for any step; for a maximum the step is smaller than the distance of any two elements of x.

They hold at sizes where no oracle is affordable. Bounds are those of tolerance.py with T replaced by what random data
lead to expect, sqrt(K) times the root mean squares of the factors; so these checks are for random data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import fsum, prod, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench.verify import precise
from convbench.verify.check import Results
from convbench.verify.compare import BLOCK, Deviation, compare
from convbench.verify.dtypes import unit_roundoff
from convbench.verify.oracle import oracle
from convbench.verify.pooling import divisors
from convbench.verify.terms import is_chosen, most_terms
from convbench.verify.tolerance import STATISTICAL
from convbench_specs import Case, Pool, TensorName, Tensors

Array = NDArray[Any]
Compute = Callable[[Tensors], Results]
"""Runs a backend's passes on given tensors, wherever it runs; returns y and the gradients."""


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

    def describe(self) -> str:
        """One sentence."""
        left, right = (INNER_PRODUCTS[name] for name in self.results)
        relation = "=" if self.verdict == "agrees" else "is not"
        return f"{left} {relation} {right}: {self.one:.9g} and {self.other:.9g}, at most {self.allowed:.2g} apart"


INPUTS: Mapping[TensorName, str] = {"dx": "x", "dw": "w", "db": "b"}
"""What each gradient is by."""
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


def bias_gradient(case: Case, tensors: Tensors, db: Array) -> Deviation:
    """Compare db with the sum of dy over instances and places."""
    reference = oracle(case, tensors)
    return compare("db", db, reference.values("db"), reference.bound("db"))


def batch_additivity(case: Case, tensors: Tensors, whole: Results, compute: Compute) -> list[Deviation]:
    """Compare the results for a batch with those for its two halves; nothing for fewer than two instances."""
    half = len(tensors.x) // 2
    if not half:
        return []
    first = dict(compute(replace(tensors, x=tensors.x[:half], dy=tensors.dy[:half])))
    second = compute(replace(tensors, x=tensors.x[half:], dy=tensors.dy[half:]))
    found = []
    for name, result in whole.items():
        summed = name in ("dw", "db")
        parts = (first[name].astype(np.float64), second[name].astype(np.float64))
        expected = parts[0] + parts[1] if summed else np.concatenate(parts)
        rounded = 3 if summed else 2  # right results that are compared: the whole, and one part or both
        found.append(compare(name, result, expected, rounded * _expect(case, tensors, name).bound(expected)))
    return found


def finite_differences(
    case: Case, tensors: Tensors, compute: Compute, *, seed: int, samples: int = 8
) -> list[Deviation]:
    """Compare dx, dw and db with central differences of <y, dy> at some elements of each; two calls an element.

    For a case in float64. What only chooses gets an x of its own, of different integers.
    """
    generator = np.random.default_rng(seed)
    step = 1.0
    if is_chosen(case, "y"):
        tensors = replace(tensors, x=generator.permutation(tensors.x.size).astype(np.float64).reshape(tensors.x.shape))
        step = 0.25
    results = compute(tensors)
    found = []
    for name in case.gradient_names:
        actual = results[name].ravel()
        if not actual.size:
            continue
        elements = generator.choice(actual.size, min(samples, actual.size), replace=False)
        slope = partial(_slope, case, tensors, compute, field=INPUTS[name], step=step)
        slopes, errors = np.array([slope(element=int(element)) for element in elements]).T
        bound = errors + _expect(case, tensors, name).bound(actual[elements])
        deviation = compare(name, actual[elements], slopes, bound)
        found.append(_at_elements(deviation, elements, results[name].shape))
    return found


@dataclass(frozen=True, slots=True)
class _Expected:
    """What rounding errors to expect of a result on random data: K, u, and the spread T that is expected anywhere."""

    terms: int
    unit: float
    spread: float

    def bound(self, result: Array) -> Array:
        """The statistical bound of tolerance.py, float64."""
        absolute = np.abs(result, dtype=np.float64)
        bound: Array = STATISTICAL * self.unit * sqrt(self.terms) * (absolute + self.spread)
        return bound + 2 * self.unit * absolute


def _expect(case: Case, tensors: Tensors, name: TensorName) -> _Expected:
    """The spread is sqrt(K) times the root mean square of each factor, as it is away from padding."""
    if is_chosen(case, name):
        return _Expected(terms=1, unit=0.0, spread=0.0)
    terms = most_terms(case, name, len(tensors.x))
    factors: dict[TensorName, tuple[Array | None, ...]] = {
        "y": (tensors.x, tensors.w),
        "dx": (tensors.dy, tensors.w),
        "dw": (tensors.x, tensors.dy),
        "db": (tensors.dy,),
    }
    spread = sqrt(terms) * prod(_rms(factor) for factor in factors[name] if factor is not None)
    if isinstance(case.operation, Pool) and case.operation.kind == "average":
        spread /= float(divisors(case).min())
    if name == "y" and tensors.b is not None:
        spread += _rms(tensors.b)
    return _Expected(terms, unit_roundoff(case.dtype), spread)


def _inner_with_error(
    case: Case, tensors: Tensors, name: TensorName, result: Array, partner: Array
) -> tuple[float, float]:
    """<result, partner>, without the bias in y, and what rounding errors in the result make of it.

    Errors of many elements have random signs and add up like their root sum of squares.
    """
    expected, flat_result, flat_partner = _expect(case, tensors, name), np.ravel(result), np.ravel(partner)
    inner, squares, error_squares = [0.0], [0.0], [0.0]
    for start in range(0, result.size, BLOCK):
        a, b = (flat[start : start + BLOCK].astype(np.float64) for flat in (flat_result, flat_partner))
        inner.append(float(precise.bilinear(_dot, a, b, BLOCK)))
        squares.append(float(np.sum((a * b) ** 2)))
        error_squares.append(float(np.sum((expected.bound(a) * b) ** 2)))
    if name == "y" and tensors.b is not None:
        inner.extend(-tensors.b.astype(np.float64) * oracle(case, tensors).db)
    total = fsum(inner)
    return total, sqrt(fsum(error_squares)) + 2.0**-50 * (fsum(map(abs, inner)) + sqrt(fsum(squares)))


def _slope(
    case: Case, tensors: Tensors, compute: Compute, *, field: str, element: int, step: float
) -> tuple[float, float]:
    """The central difference of <y, dy> by one element of an input, and its rounding error."""
    ends, values = [], []
    for moved in (step, -step):
        changed = getattr(tensors, field).copy()
        changed.flat[element] += moved
        changed.flags.writeable = False
        values.append(float(changed.flat[element]))
        ends.append(compute(replace(tensors, **{field: changed}))["y"].astype(np.float64))
    rise, run = ends[0] - ends[1], values[0] - values[1]
    touched = rise != 0
    dy, largest = tensors.dy[touched], np.maximum(np.abs(ends[0][touched]), np.abs(ends[1][touched]))
    errors = 2 * _expect(case, tensors, "y").bound(largest) * dy
    return fsum(rise[touched] * dy) / run, sqrt(fsum(errors**2)) / run


def _at_elements(deviation: Deviation, elements: Array, shape: tuple[int, ...]) -> Deviation:
    """The deviation of chosen elements with their places in the whole tensor."""

    def place(found: Any) -> Any:
        if found is None:
            return None
        index = np.unravel_index(int(elements[found.index[0]]), shape)
        return replace(found, index=tuple(int(i) for i in index))

    return replace(deviation, first=place(deviation.first), worst=place(deviation.worst))


def _rms(values: Array) -> float:
    """Root mean square, a block at a time, as float16 could not hold the sum."""
    flat = np.ravel(values)
    blocks = (flat[start : start + BLOCK].astype(np.float64) for start in range(0, flat.size, BLOCK))
    return sqrt(fsum(float(np.dot(block, block)) for block in blocks) / max(1, flat.size))


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.dot(a, b))
