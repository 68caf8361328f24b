"""Depthwise convolution in frames of zeros: the buffers of its kernels."""

from __future__ import annotations

from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import shares
from convbench_backends.numba_cpu.convolution.common import has_nan, multiply_add_ns
from convbench_backends.numba_cpu.convolution.depthwise import framed
from convbench_backends.numba_cpu.convolution.depthwise.frame import (
    Frame,
    Tile,
    forward_axes,
    forward_tile,
    gradient_axes,
    gradient_tile,
    make_frame,
)
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output


class FramedForward:
    """Y of x: each plane with its filter."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        tile = forward_tile(shape, dtype.itemsize)
        frame = make_frame(forward_axes(shape), tile, shape.horizontal.kernel, dtype.itemsize)
        self._filter, self._table = framed.filter_planes(tile), frame.table
        self._tasks = _tasks(shape, dtype, threads)
        self._work = _room(frame, tile, dtype, threads)
        self._none = np.zeros(shape.out_channels, dtype)
        self._y, self._x_shape, self._y_shape = Output(shape.y, dtype), _planes(shape.x), _planes(shape.y)

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """Everything is flat."""
        y, b = self._y.take(), self._none if b is None else b
        w = w.reshape(len(b), -1)
        self._filter(
            self._tasks, x.reshape(self._x_shape), w, b, self._table, self._work, y.reshape(self._y_shape)
        )  # fmt: skip
        return y


class FramedGradient:
    """Dx of dy: each plane with its filter reversed; at stride 2 it is spread over the places that the taps read."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        tile = gradient_tile(shape, dtype.itemsize)
        frame = make_frame(gradient_axes(shape), tile, shape.horizontal.kernel, dtype.itemsize)
        self._spread, self._table = framed.spread_planes(tile), frame.table
        self._tasks = _tasks(shape, dtype, threads)
        self._work = _room(frame, tile, dtype, threads)
        self._channels = shape.out_channels
        self._dx, self._x_shape, self._y_shape = Output(shape.x, dtype), _planes(shape.x), _planes(shape.y)

    def __call__(self, dy: Array, w: Array, _: Array | None) -> Array:
        """Everything is flat."""
        dx, w = self._dx.take(), w.reshape(self._channels, -1)
        self._spread(
            self._tasks, dy.reshape(self._y_shape), w, self._table, self._work, dx.reshape(self._x_shape)
        )  # fmt: skip
        return dx


class FramedWeightGradients:
    """dw and db: sums of each channel over the batch.

    What is not finite is computed again: zeros in the place of dy beyond its rows make NaN of x that is not finite.
    """

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        tile = forward_tile(shape, dtype.itemsize)
        frame = make_frame(forward_axes(shape), tile, shape.horizontal.kernel, dtype.itemsize)
        self._gradients, self._table = framed.weight_gradients(tile), frame.table
        self._tasks = _tasks(shape, dtype, threads)
        self._work = _room(frame, tile, dtype, threads, vectors=shape.patch + tile.lanes(dtype.itemsize))
        self._dw, self._db = Output(shape.w, dtype), Output((shape.out_channels,), dtype)
        self._traces = np.zeros(threads, dtype)
        self._x_shape, self._y_shape, self._patch = shape.x, shape.y, shape.patch
        self._without_zeros = cache(partial(WeightGradient, shape, dtype, threads))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        dw, db = self._dw.take(), self._db.take()
        if not len(x):
            dw.fill(0)
            db.fill(0)
        self._traces.fill(0)
        self._gradients(
            self._tasks, x.reshape(self._x_shape), dy.reshape(self._y_shape), self._table, self._work,
            dw.reshape(-1, self._patch), db, self._traces,
        )  # fmt: skip
        return self._without_zeros()(x, dy) if has_nan(self._traces) else (dw, db)


def _room(frame: Frame, tile: Tile, dtype: np.dtype[Any], threads: int, vectors: int = 0) -> Array:
    """Two frames a thread, and vectors of sums."""
    size = 2 * frame.size + vectors * tile.lanes(dtype.itemsize)
    line = aligned.LINE_BYTES // dtype.itemsize
    return aligned.zeros((threads, -(-size // line) * line), dtype)


def _tasks(shape: ConvShape, dtype: np.dtype[Any], threads: int) -> int:
    return shares(multiply_add_ns(prod(shape.y) * shape.patch, dtype), threads)


def _planes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(N * C, H, W)."""
    return shape[0] * shape[1], shape[2], shape[3]
