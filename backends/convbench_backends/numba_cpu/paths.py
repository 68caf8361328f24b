"""From a case to its calls: allocate, prepare tables, bind kernels to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu import im2col, pooling
from convbench_backends.numba_cpu.geometry import ConvShape, image_axes, taps
from convbench_specs import Case, Conv, Flatten, Pool, Prepared, Tensors

Array = NDArray[Any]

_BAND_BYTES = 512 * 1024
"""Patches of one band: half of a core's second-level cache of 1 MB, the rest is for weights and the product."""


def conv(case: Case, tensors: Tensors) -> Prepared:
    """A convolution on the readable level."""
    operation = case.operation
    assert isinstance(operation, Conv)
    assert tensors.w is not None
    shape = ConvShape.of(case, len(tensors.x))
    n, groups, filters, patch = shape.batch, shape.groups, shape.group_outputs, shape.patch
    height, width = shape.vertical.output, shape.horizontal.output
    rows, cols = (taps(axis, operation.padding_mode) for axis in (shape.vertical, shape.horizontal))
    x = tensors.x.reshape(n, groups, shape.group_inputs, *shape.x[2:]).copy()
    dy = tensors.dy.reshape(n, groups, filters, height, width).copy()
    w = tensors.w.reshape(groups, filters, patch).copy()
    b = np.zeros(shape.out_channels, x.dtype) if tensors.b is None else tensors.b.copy()
    band = max(1, min(height, _BAND_BYTES // (patch * width * x.itemsize)))
    work = np.empty((get_num_threads(), 2, max(patch, filters) * band * width), x.dtype)

    def forward() -> Array:
        y = np.empty(dy.shape, x.dtype)
        im2col.forward(x, w, b, rows, cols, band, work, y)
        return y.reshape(tensors_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx, sums = np.empty_like(x), np.empty((len(work), groups, filters, patch), x.dtype)
        im2col.input_gradient(dy, np.ascontiguousarray(w.transpose(0, 2, 1)), rows, cols, band, work, dx)
        im2col.weight_gradient(x, dy, rows, cols, band, work, sums)
        dw = sums.sum(axis=0).reshape(case.w_shape)
        return dx.reshape(x_shape), dw, None if tensors_b is None else bias_gradient(dy)

    tensors_shape, x_shape, tensors_b = case.y_shape(n), case.x_shape(n), case.b_shape
    return Prepared(forward=forward, backward=backward, algorithm="im2col bands, BLAS per thread")


def bias_gradient(dy: Array) -> Array:
    """Sum dy (N, ..., OH, OW), whose axes between the first and the last two number the filters."""
    n, places = len(dy), dy.shape[-2] * dy.shape[-1]
    maps = dy.reshape(n, int(np.prod(dy.shape[1:-2])), places)
    sums = np.empty(maps.shape[:2])
    im2col.bias_gradient(maps, sums)
    db: Array = sums.sum(axis=0)
    return db.astype(dy.dtype)


def pool(case: Case, tensors: Tensors) -> Prepared:
    """Maximum and average, over space or channels."""
    operation = case.operation
    assert isinstance(operation, Pool)
    n = len(tensors.x)
    vertical, horizontal = image_axes(case)
    rows, cols = taps(vertical), taps(horizontal)
    planes = int(np.prod(case.x_view_shape(n)[:2]))
    x = tensors.x.reshape(planes, vertical.size, horizontal.size).copy()
    dy = tensors.dy.reshape(planes, vertical.output, horizontal.output).copy()
    x_shape, y_shape = case.x_shape(n), case.y_shape(n)
    if operation.kind == "average":
        tall, wide = (np.array(a.taps(count_padding=operation.count_include_pad)) for a in (vertical, horizontal))

        def average() -> Array:
            y = np.empty_like(dy)
            pooling.average_forward(x, rows, cols, tall, wide, y)
            return y.reshape(y_shape)

        def average_gradient() -> tuple[Array, None, None]:
            dx = np.empty_like(x)
            pooling.average_backward(dy, rows, cols, tall, wide, dx)
            return dx.reshape(x_shape), None, None

        return Prepared(forward=average, backward=average_gradient, algorithm="tables of taps")

    which = np.empty(dy.shape, pooling.winner_dtype(vertical.kernel * horizontal.kernel))

    def maximum() -> Array:
        y = np.empty_like(dy)
        pooling.max_forward(x, rows, cols, y, which)
        return y.reshape(y_shape)

    def max_gradient() -> tuple[Array, None, None]:
        dx = np.empty_like(x)
        pooling.max_backward(dy, which, rows, cols, dx)
        return dx.reshape(x_shape), None, None

    maximum()
    return Prepared(forward=maximum, backward=max_gradient, algorithm="tables of taps, index of the winner kept")


def flatten(case: Case, tensors: Tensors) -> Prepared:
    """A view in the order of memory, a transposing copy in the other."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    x, dy, n = tensors.x.copy(), tensors.dy.copy(), len(tensors.x)
    features = case.output_shape[0]
    if operation.order == "channels_first" or len(case.input_shape) == 1:
        return Prepared(
            forward=lambda: x.reshape(n, features),
            backward=lambda: (dy.reshape(x.shape), None, None),
            algorithm="view",
        )
    channels, places = case.input_shape[0], features // case.input_shape[0]

    def forward() -> Array:
        return np.ascontiguousarray(x.reshape(n, channels, places).transpose(0, 2, 1)).reshape(n, features)

    def backward() -> tuple[Array, None, None]:
        return np.ascontiguousarray(dy.reshape(n, places, channels).transpose(0, 2, 1)).reshape(x.shape), None, None

    return Prepared(forward=forward, backward=backward, algorithm="transposing copy")
