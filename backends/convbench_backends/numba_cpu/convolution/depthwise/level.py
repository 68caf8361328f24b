# ruff: noqa: PLR0917  # what describes a convolution has no order of importance
"""Depthwise convolution: what its kernels take."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import ROUNDS
from convbench_backends.numba_cpu.convolution.depthwise import kernels
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index
from convbench_backends.shared.outputs import Output


class Depthwise:
    """Planes filtered one by one.

    Gradients of weights that are not finite are computed again: zeros in the place of dy beyond its rows make NaN of x
    that is not finite.
    """

    algorithm = "depthwise, running rows"

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        self._shape, self._tasks = shape, ROUNDS * threads
        self._before = np.array([shape.vertical.before, shape.horizontal.before])
        self._behind = kernels.KERNEL - 1 - self._before
        self._none = np.zeros(shape.out_channels, dtype)
        self._without_zeros = cache(partial(WeightGradient, shape, dtype, threads))
        self._y, self._dx = Output(shape.y, dtype), Output(shape.x, dtype)

    def y(self, x: Array, w: Array, b: Array | None) -> Array:
        """Each plane with its filter."""
        y, b = self._y.take(), self._none if b is None else b
        self._filter(x, self._shape.x, w.reshape(len(b), -1), b, self._before, y, self._shape.y)
        return y

    def dx(self, dy: Array, w: Array) -> Array:
        """Each plane of dy with its filter reversed."""
        dx, backwards = self._dx.take(), np.ascontiguousarray(w.reshape(len(self._none), -1)[:, ::-1])
        self._filter(dy, self._shape.y, backwards, self._none, self._behind, dx, self._shape.x)
        return dx

    def dw_db(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """Sums of each channel over the batch."""
        sums = np.empty((self._shape.out_channels, kernels.KERNEL**2 + 1), x.dtype)
        kernels.weight_gradients(
            self._tasks, x.reshape(self._shape.x), dy.reshape(self._shape.y), self._before, sums
        )  # fmt: skip
        if not np.isfinite(sums).all():
            return self._without_zeros()(x, dy)
        return np.ascontiguousarray(sums[:, :-1]), sums[:, -1].copy()

    def _filter(
        self, x: Array, x_shape: tuple[int, ...], w: Array, b: Array, before: Index, y: Array, y_shape: tuple[int, ...]
    ) -> None:  # fmt: skip
        planes, results = x.reshape(-1, *x_shape[2:]), y.reshape(-1, *y_shape[2:])
        kernels.filter_planes(self._tasks, planes, w, b, before, results)
