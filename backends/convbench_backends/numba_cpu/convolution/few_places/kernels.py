# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""A convolution with no more places than filters: w is read as it lies, and what is small is rearranged.

In a late layer of a network w is megabytes and the rest is little: to bring w into the order of a kernel, three times
in a training step, takes longer than the products. Here w stays, a matrix of filters by weights, and every place of
the batch has a column of x, as a row.

    y    dot products of rows of w and columns         weight_gradient.add_images, as if places were filters
    dx   columns = dy^T @ w, added up where they lie   implicit_gemm.convolve, as if filters were channels
    dw   dy @ columns                                  implicit_gemm.convolve, as if places were channels

Shapes: columns (places of the batch, C * R * S), w (K, C * R * S); x and y flat; rows (R, OH) and cols (S, OW) are the
tables of geometry.taps.
"""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import BAND_BYTES
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index

_CHANNELS = 16
"""Channels at a time: a line of the cache of a column of 1 x 1, and few enough for their planes to stay in the first
level."""
_LEAST_VECTORS = 4
"""Vectors of a filter, at least: a band of fewer fills no tile."""


def why_not(shape: ConvShape, itemsize: int) -> str:
    """What keeps a convolution from these kernels; "" where nothing does.

    Places are no more than filters; w is larger than dy; and a band of w, as a source with a channel for each filter,
    is a vector wide at least.
    """
    lanes = lanes_of(itemsize)
    if shape.groups > 1:
        return "its product is of all channels, without groups"
    if not 0 < places_of(shape) <= min(shape.out_channels, shape.patch):
        return "places of the batch are more than filters or weights of a filter, or there are none"
    if shape.patch < _LEAST_VECTORS * lanes:
        return f"it needs {_LEAST_VECTORS * lanes} weights of a filter at least"
    return "" if shape.out_channels * itemsize * lanes <= BAND_BYTES else "it has no room for so many filters"


def places_of(shape: ConvShape) -> int:
    """Places of the outputs of a batch."""
    return shape.batch * shape.vertical.output * shape.horizontal.output


@kernel
def take_columns(task: int, tasks: int, thread: int, x: Array, rows: Index, cols: Index, columns: Array) -> None:
    """The weights of a share of the channels in every column; x (N, C, H, W)."""
    first, last = x.shape[1] * task // tasks, x.shape[1] * (task + 1) // tasks
    window = rows.shape[0] * cols.shape[0]
    for low in range(first, last, _CHANNELS):
        high = min(low + _CHANNELS, last)
        for n in range(x.shape[0]):
            for i in range(rows.shape[1]):
                for j in range(cols.shape[1]):
                    column = columns[(n * rows.shape[1] + i) * cols.shape[1] + j]
                    for c in range(low, high):
                        take_window(x[n, c], rows, cols, i, j, column[c * window : (c + 1) * window])


@part
def take_window(plane: Array, rows: Index, cols: Index, i: int, j: int, window: Array) -> None:
    """One window of a plane."""
    for r in range(rows.shape[0]):
        for s in range(cols.shape[0]):
            inside = rows[r, i] >= 0 and cols[s, j] >= 0
            window[r * cols.shape[0] + s] = plane[rows[r, i], cols[s, j]] if inside else 0


@kernel
def add_columns(task: int, tasks: int, thread: int, columns: Array, rows: Index, cols: Index, dx: Array) -> None:
    """Adjoint of take_columns: planes of a share of the channels of dx (N, C, H, W)."""
    first, last = dx.shape[1] * task // tasks, dx.shape[1] * (task + 1) // tasks
    window = rows.shape[0] * cols.shape[0]
    for low in range(first, last, _CHANNELS):
        high = min(low + _CHANNELS, last)
        for n in range(dx.shape[0]):
            dx[n, low:high] = 0
            for i in range(rows.shape[1]):
                for j in range(cols.shape[1]):
                    column = columns[(n * rows.shape[1] + i) * cols.shape[1] + j]
                    for c in range(low, high):
                        add_window(column[c * window : (c + 1) * window], rows, cols, i, j, dx[n, c])


@part
def add_window(window: Array, rows: Index, cols: Index, i: int, j: int, plane: Array) -> None:
    """Adjoint of take_window."""
    for r in range(rows.shape[0]):
        for s in range(cols.shape[0]):
            if rows[r, i] >= 0 and cols[s, j] >= 0:
                plane[rows[r, i], cols[s, j]] += window[r * cols.shape[0] + s]


@kernel
def add_shares(task: int, tasks: int, thread: int, sums: Array, order: Index, b: Array, y: Array) -> None:
    """A share of y (N, K, places): the sum over shares, in their order, of each output's place, and its bias."""
    filters, places = y.shape[1], y.shape[2]
    for plane in range(len(y) * filters * task // tasks, len(y) * filters * (task + 1) // tasks):
        n, k = plane // filters, plane % filters
        for p in range(places):
            total = b[k]
            for share in range(sums.shape[0]):
                total += sums[share, order[n, k, p]]
            y[n, k, p] = total


@kernel
def bias_gradient(task: int, tasks: int, thread: int, dy: Array, db: Array) -> None:
    """A share of db (K,), float64: sums of dy (N, K, places)."""
    for k in range(len(db) * task // tasks, len(db) * (task + 1) // tasks):
        db[k] = 0
        for n in range(len(dy)):
            total = dy.dtype.type(0)
            for p in range(dy.shape[2]):
                total += dy[n, k, p]
            db[k] += total
