"""What all formulations of a convolution share: the calls that they offer, and the numbers of weights.

Arrays are flat and in canonical order. A target is written into an array of an Output, whose content is an earlier one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index


class Level(Protocol):
    """The three computations of a convolution over a batch; all arrays are flat, in canonical order."""

    algorithm: str

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """The outputs."""

    def dx(self, dy: Array, w: Array) -> Array:
        """The gradient of the input."""

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """The gradients of weights and bias."""


class Single(Protocol):
    """A convolution of a source; the target is flat."""

    def __call__(self, source: Array, w: Array, b: Array | None, /) -> Array:
        """The target."""


def weights_of(shape: ConvShape) -> Index:
    """Numbers of the weights in w: (groups, filters, channels, R, S)."""
    return np.arange(np.prod(shape.w)).reshape(shape.groups, shape.group_outputs, *shape.w[1:])
