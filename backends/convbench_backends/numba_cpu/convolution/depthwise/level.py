"""Depthwise convolution: 3 x 3 in rows, and which kernels a convolution gets."""

from __future__ import annotations

from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import shares
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.common import Single, WeightGradients
from convbench_backends.numba_cpu.convolution.depthwise import kernels, strided
from convbench_backends.numba_cpu.convolution.depthwise.framed_level import (
    FramedForward,
    FramedGradient,
    FramedWeightGradients,
)
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.shared.outputs import Output

_ROW_NS = 6.0
"""About what a vector of a row of y takes."""


class Depthwise:
    """Planes filtered one by one.

    Gradients of weights that are not finite are computed again: zeros in the place of dy beyond its rows make NaN of x
    that is not finite.
    """

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape = shape
        self._tasks = shares(_ROW_NS * prod(shape.y[:3]) * -(-shape.y[3] // lanes_of(dtype.itemsize)), threads)
        self._is_strided = shape.vertical.stride == strided.STRIDE
        self._before = np.array([shape.vertical.before, shape.horizontal.before])
        self._behind = kernels.KERNEL - 1 - self._before
        self._none = np.zeros(shape.out_channels, dtype)
        self._without_zeros = cache(partial(WeightGradient, shape, dtype, threads))
        self._y, self._dx = Output(shape.y, dtype), Output(shape.x, dtype)

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Each plane with its filter."""
        y, b = self._y.take(), self._none if b is None else b
        filter_planes = strided.filter_planes if self._is_strided else kernels.filter_planes
        filter_planes(
            self._tasks, _planes(x, self._shape.x), w.reshape(len(b), -1), b, self._before, _planes(y, self._shape.y)
        )  # fmt: skip
        return y

    def dx(self, dy: Array, w: Array, _: Array | None) -> Array:
        """Each plane of dy with its filter reversed; at stride 2 it is spread over the places that the taps read."""
        dx, w = self._dx.take(), w.reshape(len(self._none), -1)
        of_dy, of_dx = _planes(dy, self._shape.y), _planes(dx, self._shape.x)
        if self._is_strided:
            strided.spread_planes(self._tasks, of_dy, w, self._before, of_dx)
        else:
            backwards = np.ascontiguousarray(w[:, ::-1])
            kernels.filter_planes(self._tasks, of_dy, backwards, self._none, self._behind, of_dx)
        return dx

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Sums of each channel over the batch."""
        sums = np.empty((self._shape.out_channels, kernels.KERNEL**2 + 1), x.dtype)
        weight_gradients = strided.weight_gradients if self._is_strided else kernels.weight_gradients
        weight_gradients(self._tasks, x.reshape(self._shape.x), dy.reshape(self._shape.y), self._before, sums)
        if not np.isfinite(sums).all():
            return self._without_zeros()(x, dy)
        return np.ascontiguousarray(sums[:, :-1]), sums[:, -1].copy()


def _planes(values: Array, shape: tuple[int, ...]) -> Array:
    """(N * C, H, W)."""
    return values.reshape(-1, *shape[2:])


def forward_planes(shape: ConvShape, dtype: np.dtype[Any], threads: int) -> Single:
    """Y of x."""
    return Depthwise(shape, dtype, threads).y if kernels.takes(shape) else FramedForward(shape, dtype, threads)


def gradient_planes(shape: ConvShape, dtype: np.dtype[Any], threads: int) -> Single:
    """Dx of dy."""
    return Depthwise(shape, dtype, threads).dx if kernels.takes(shape) else FramedGradient(shape, dtype, threads)


def weight_gradient_planes(shape: ConvShape, dtype: np.dtype[Any], threads: int) -> WeightGradients:
    """Dw and db of x and dy."""
    if kernels.takes(shape):
        return Depthwise(shape, dtype, threads).dw_db
    return FramedWeightGradients(shape, dtype, threads)
