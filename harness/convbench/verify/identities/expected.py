"""How far rounding errors may go anywhere in a result on random data, expected without knowing the right values."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import unit_roundoff
from convbench.verify.bounds.terms import is_chosen, most_terms
from convbench.verify.bounds.tolerance import STATISTICAL
from convbench.verify.compare import BLOCK
from convbench.verify.reference.pooling import divisors
from convbench_specs import Case, Pool, TensorName, Tensors

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What rounding errors to expect of a result on random data: K, u, and the spread T that is expected anywhere."""

    terms: int
    unit: float
    spread: float

    def bound(self, result: Array) -> Array:
        """The statistical bound of tolerance.py, float64."""
        absolute = np.abs(result, dtype=np.float64)
        bound: Array = STATISTICAL * self.unit * sqrt(self.terms) * (absolute + self.spread)
        return bound + 2 * self.unit * absolute


def expect(case: Case, tensors: Tensors, name: TensorName) -> Expected:
    """The spread is sqrt(K) times the root mean square of each factor, as it is away from padding."""
    if is_chosen(case, name):
        return Expected(terms=1, unit=0.0, spread=0.0)
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
    return Expected(terms, unit_roundoff(case.dtype), spread)


def _rms(values: Array) -> float:
    """Root mean square, a block at a time, as float16 could not hold the sum."""
    flat = np.ravel(values)
    blocks = (flat[start : start + BLOCK].astype(np.float64) for start in range(0, flat.size, BLOCK))
    return sqrt(fsum(float(np.dot(block, block)) for block in blocks) / max(1, flat.size))
