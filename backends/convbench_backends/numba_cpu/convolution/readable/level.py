"""Convolution on the readable level: what an engineer would write in an afternoon, see im2col.py."""

from __future__ import annotations

import numpy as np

from convbench_backends.numba_cpu.convolution.readable import im2col
from convbench_backends.numba_cpu.geometry import Array, ConvShape, taps
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Conv, Prepared, Tensors

_BAND_BYTES = 512 * 1024
"""Patches of one band: half of a core's second-level cache of 1 MB, the rest is for weights and the product."""


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
    x = tensors.x.reshape(n, groups, shape.group_inputs, *shape.x[2:]).copy()
    dy = tensors.dy.reshape(n, groups, filters, height, width).copy()
    w = tensors.w.reshape(groups, filters, patch).copy()
    b = np.zeros(shape.out_channels, x.dtype) if tensors.b is None else tensors.b.copy()
    band = np.array([max(1, min(height, _BAND_BYTES // (patch * width * x.itemsize)))])
    bands = -(-height // int(band[0]))
    work = np.empty((threads, 2, max(patch, filters) * int(band[0]) * width), x.dtype)
    x_shape, y_shape, has_bias = case.x_shape(n), case.y_shape(n), case.b_shape is not None

    def forward() -> Array:
        y = np.empty_like(dy)
        im2col.forward(n * groups * bands, x, w, b, rows, cols, band, work, y)
        return y.reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = np.empty_like(x)
        sums, db = np.empty((threads, groups, filters, patch), x.dtype), np.empty((threads, shape.out_channels))
        transposed = np.ascontiguousarray(w.transpose(0, 2, 1))
        im2col.input_gradient(n * groups, dy, transposed, rows, cols, band, work, dx)
        im2col.weight_gradient(threads, x, dy, rows, cols, band, work, sums, db)
        dw = sums.sum(axis=0).reshape(case.w_shape)
        return dx.reshape(x_shape), dw, db.sum(axis=0).astype(x.dtype) if has_bias else None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="im2col bands, BLAS product a thread",
        update=Resident(x, dy, w, b).update,
    )
