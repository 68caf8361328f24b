"""Convolution on the readable level: what an engineer would write in an afternoon, see im2col.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from convbench_backends.numba_cpu.convolution.readable import im2col
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index, taps
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Conv, PaddingMode, Prepared, Tensors

_BAND_BYTES = 512 * 1024
"""Patches of one band: half of a core's second-level cache of 1 MB, the rest is for weights and the product."""


class WeightGradient:
    """dw and db of any convolution; it multiplies nothing but x, its padding and dy."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int, mode: PaddingMode = "zeros") -> None:
        self._x_shape = (shape.batch, shape.groups, shape.group_inputs, *shape.x[2:])
        self._dy_shape = (shape.batch, shape.groups, shape.group_outputs, *shape.y[2:])
        self._taps = tuple(taps(axis, mode) for axis in (shape.vertical, shape.horizontal))
        self._band = band_of(shape, dtype)
        self._work = work_area(shape, dtype, threads)
        self._sums = np.empty((threads, shape.groups, shape.group_outputs, shape.patch), dtype)
        self._biases = np.empty((threads, shape.out_channels))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        x, dy = x.reshape(self._x_shape), dy.reshape(self._dy_shape)
        im2col.weight_gradient(
            len(self._sums), x, dy, *self._taps, self._band, self._work, self._sums, self._biases
        )  # fmt: skip
        return self._sums.sum(axis=0).reshape(-1), self._biases.sum(axis=0).astype(x.dtype)


def band_of(shape: ConvShape, dtype: np.dtype[Any]) -> Index:
    """Output rows of a band, as an array of one number."""
    row = shape.patch * shape.horizontal.output * dtype.itemsize
    return np.array([max(1, min(shape.vertical.output, _BAND_BYTES // row))])


def work_area(shape: ConvShape, dtype: np.dtype[Any], threads: int) -> Array:
    """Room for the patches of a band, and for their product, a thread."""
    places = int(band_of(shape, dtype)[0]) * shape.horizontal.output
    return np.empty((threads, 2, max(shape.patch, shape.group_outputs) * places), dtype)


def conv(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """Any convolution, by im2col in bands."""
    operation = case.operation
    assert isinstance(operation, Conv)
    assert tensors.w is not None
    n = len(tensors.x)
    shape = ConvShape.of(case, n)
    groups, filters, patch = shape.groups, shape.group_outputs, shape.patch
    height, width = shape.vertical.output, shape.horizontal.output
    rows, cols = (taps(axis, operation.padding_mode) for axis in (shape.vertical, shape.horizontal))
    x = tensors.x.reshape(n, groups, shape.group_inputs, *shape.x[2:])
    dy = tensors.dy.reshape(n, groups, filters, height, width)
    w = tensors.w.reshape(groups, filters, patch)
    b = np.zeros(shape.out_channels, x.dtype) if tensors.b is None else tensors.b
    band, work = band_of(shape, x.dtype), work_area(shape, x.dtype, threads)
    bands = -(-height // int(band[0]))
    weight_gradient = WeightGradient(shape, x.dtype, threads, operation.padding_mode)
    x_shape, y_shape, w_shape, has_bias = case.x_shape(n), case.y_shape(n), tensors.w.shape, tensors.b is not None

    def forward() -> Array:
        y = np.empty_like(dy)
        im2col.forward(n * groups * bands, x, w, b, rows, cols, band, work, y)
        return y.reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = np.empty_like(x)
        transposed = np.ascontiguousarray(w.transpose(0, 2, 1))
        im2col.input_gradient(n * groups, dy, transposed, rows, cols, band, work, dx)
        dw, db = weight_gradient(x, dy)
        return dx.reshape(x_shape), dw.reshape(w_shape), db if has_bias else None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="im2col bands, BLAS product a thread",
        update=Resident(x, dy, w, b).update,
    )
