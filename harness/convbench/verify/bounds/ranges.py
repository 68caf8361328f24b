"""How large and how small the numbers of a tensor are: whether squares fit into float32, what may be flushed to zero.

Squares of products of 1e19 and more overflow float32, those of 1e-12 and less underflow. Data of such sizes are rare; a
look at the tensors tells whether the sizes of a bound need float64, and factors that are brought near 1 first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import frexp, inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import SMALLEST
from convbench_specs import Case, Conv, DType, TensorName, Tensors

Array = NDArray[Any]

BLOCK = 2**16
"""Elements that are looked at at once."""
MODERATE = (2.0**-31, 2.0**16)
"""Two factors between these have a product whose square, and sums of 2^60 of them, are in the range of float32."""


@dataclass(frozen=True, slots=True)
class Range:
    """The absolute size of the finite elements of a tensor that are not zero; (inf, 0) where there is none."""

    smallest: float
    largest: float

    @property
    def is_moderate(self) -> bool:
        """Whether squares of products can be summed in float32."""
        return MODERATE[0] <= self.smallest and self.largest <= MODERATE[1]

    @property
    def exponent(self) -> int:
        """The power of 2 by which the tensor must be divided so that its largest element is near 1."""
        return frexp(self.largest)[1]


def range_of(tensor: Array | None) -> Range:
    """The range of a tensor; of none where there is none."""
    smallest, largest, flat = inf, 0.0, np.ravel(tensor) if tensor is not None else np.zeros(0)
    for start in range(0, flat.size, BLOCK):
        absolute = np.abs(flat[start : start + BLOCK]).astype(np.float64)
        counts = np.isfinite(absolute) & (absolute > 0)
        smallest = min(smallest, float(np.min(absolute, where=counts, initial=inf)))
        largest = max(largest, float(np.max(absolute, where=counts, initial=0.0)))
    return Range(smallest, largest)


def factor_names(case: Case, name: TensorName) -> tuple[str, ...]:
    """The tensors whose elements, multiplied, are the terms of a result."""
    if isinstance(case.operation, Conv):
        factors: dict[TensorName, tuple[str, ...]]
        factors = {"y": ("x", "w"), "dx": ("dy", "w"), "dw": ("x", "dy"), "db": ("dy",)}
        return factors[name]
    return ("x",) if name == "y" else ("dy",)


def smallest_normal(dtype: DType) -> float:
    """What is below it may be read as zero. Nothing of float16 is: in float32, where it is computed, it is normal."""
    return 0.0 if dtype == "float16" else SMALLEST[dtype]


def below_normal(case: Case, tensors: Tensors, factor: str) -> Tensors:
    """The tensors without a bias, with only those elements of a factor that may be read as zero."""
    tensor, normal = getattr(tensors, factor), smallest_normal(case.dtype)
    below = np.where(np.abs(tensor) < normal, tensor, tensor.dtype.type(0))
    return replace(tensors, **{factor: below, "b": None if tensors.b is None else np.zeros_like(tensors.b)})
