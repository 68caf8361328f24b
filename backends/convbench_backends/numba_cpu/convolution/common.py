"""What all formulations of a convolution share: the calls that they offer, and the numbers of weights.

Arrays are flat and in canonical order. A target is written into an array of an Output, whose content is an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any, Protocol

import numpy as np

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index


class Single(Protocol):
    """A convolution of a source: y of x, or dx of dy."""

    def __call__(self, source: Array, w: Array, b: Array | None, /) -> Array:
        """The target; for dx there is no b."""


class WeightGradients(Protocol):
    """The gradients of weights and bias."""

    def __call__(self, x: Array, dy: Array, /) -> tuple[Array, Array]:
        """(dw, db)."""


MakeSingle = Callable[[ConvShape, np.dtype[Any], int], Single]
"""Of (shape, dtype, threads)."""
MakeWeightGradients = Callable[[ConvShape, np.dtype[Any], int], WeightGradients]
"""Of (shape, dtype, threads)."""


MULTIPLY_ADD_NS = 0.3
"""About what a multiply-add of vectors takes."""


def has_nan(traces: Array) -> bool:
    """Whether one of a few numbers, a thread each, is NaN; NumPy would take two microseconds for it."""
    return isnan(sum(traces.tolist()))


def multiply_add_ns(numbers: int, dtype: np.dtype[Any]) -> float:
    """About how long one thread takes for so many multiply-adds, in nanoseconds."""
    return MULTIPLY_ADD_NS * numbers / lanes_of(dtype.itemsize)


def weights_of(shape: ConvShape) -> Index:
    """Numbers of the weights in w: (groups, filters, channels, R, S)."""
    return np.arange(np.prod(shape.w)).reshape(shape.groups, shape.group_outputs, *shape.w[1:])
