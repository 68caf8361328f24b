"""Pooling in two passes, down the rows and along the columns, over blocks of planes that stay in the cache.

A plane is one channel of one image: planes do not touch each other, so N * C of them are cut and shared at will. A
maximum or a sum over a window is that over its columns of that over its rows: R + S steps in place of R * S. Padding
is never stored: each tap is taken only for the windows where it lies on the input.

An average over all of a plane is a product with ones, its gradient one number in every place.

The gradient of a maximum goes to the first of equal elements in row-major order, which two passes cannot tell: it takes
R * S steps, each of which marks the windows whose maximum is at that tap and was not at one before. A maximum that is
NaN equals nothing; it is at the first NaN of its window. Products with marks put a gradient in its place and zeros in
the others, unless it is not finite: then it is copied.

Shapes: x and dx (planes, H, W), y and dy (planes, OH, OW).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import Array
from convbench_specs import Axis, Case, Pool

BLOCK_BYTES = 1 << 20
"""Planes of x to take at once: with what is made of them, about what a core's L2 cache holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """What stays the same from call to call. `count` (OH, OW) is what an average divides by."""

    rows: Axis
    columns: Axis
    count: Array

    @property
    def taps(self) -> int:
        """Elements of a window."""
        return self.rows.kernel * self.columns.kernel

    @property
    def is_whole(self) -> bool:
        """Whether the only window is just all of a plane."""
        return self.rows.is_one_window and self.columns.is_one_window


def pooling_of(case: Case, dtype: np.dtype[np.floating]) -> Pooling:
    """The pooling of a case; a signal of rank 1 is an image of one row."""
    assert isinstance(case.operation, Pool)
    rows, columns = case.axes if len(case.axes) == 2 else (Axis(size=1, kernel=1), case.axes[0])
    down, along = (axis.taps(count_padding=case.operation.count_include_pad) for axis in (rows, columns))
    return Pooling(rows=rows, columns=columns, count=np.outer(down, along).astype(dtype))


def maximum(x: Array, pool: Pooling, crew: Crew) -> Array:
    """y: the largest element of each window."""
    return _both_passes(np.maximum, -np.inf, x, pool, crew)


def average(x: Array, pool: Pooling, crew: Crew) -> Array:
    """y: the sum of each window, divided by pool.count."""
    if pool.is_whole:
        return _plane_average(x, pool, crew)
    return _both_passes(np.add, 0.0, x, pool, crew)


def maximum_gradient(x: Array, y: Array, dy: Array, pool: Pooling, crew: Crew) -> Array:
    """dx: each element of dy where the first maximum of its window is."""
    dx = np.zeros_like(x)
    overlap = pool.rows.stride < pool.rows.extent or pool.columns.stride < pool.columns.extent
    down = [on_input(pool.rows, tap) for tap in range(pool.rows.kernel)]
    along = [on_input(pool.columns, tap) for tap in range(pool.columns.kernel)]

    def task(part: range) -> None:
        for planes in _blocks(part, x):
            is_open = np.ones(y[planes].shape, bool)
            has_nan, is_finite = bool(np.isnan(y[planes]).any()), bool(np.isfinite(dy[planes]).all())
            for window_rows, rows in down:
                for window_columns, columns in along:
                    windows, places = (planes, window_rows, window_columns), (planes, rows, columns)
                    undecided = is_open[:, window_rows, window_columns]
                    hit = x[places] == y[windows]
                    if has_nan:
                        hit |= np.isnan(x[places])
                    hit &= undecided
                    undecided ^= hit
                    if not is_finite:
                        np.add(dx[places], dy[windows], out=dx[places], where=hit)
                    elif overlap:
                        dx[places] += hit * dy[windows]
                    else:
                        np.multiply(hit, dy[windows], out=dx[places])

    if y.shape[1:] == (1, 1):
        return _gradient_of_one_window(x, dy, dx, pool)
    crew.share(task, len(x), work=y.size * pool.taps)
    return dx


def average_gradient(dy: Array, pool: Pooling, crew: Crew) -> Array:
    """dx: each element of dy, divided by pool.count, added to all of its window."""
    dx = np.empty((len(dy), pool.rows.size, pool.columns.size), dy.dtype)

    def task(part: range) -> None:
        for planes in _blocks(part, dx):
            shares = dy[planes] / pool.count
            dx[planes] = shares if pool.is_whole else _spread(_spread(shares, pool.columns, 2), pool.rows, 1)

    crew.share(task, len(dy), work=dx.size * 2)
    return dx


def on_input(axis: Axis, tap: int) -> tuple[slice, slice]:
    """The windows of which a tap lies on the input, and the places where it lies; both may be empty."""
    offset = tap * axis.dilation - axis.before
    first = max(0, -(offset // axis.stride))
    last = min(axis.output, (axis.size - 1 - offset) // axis.stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * axis.stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * axis.stride + 1, axis.stride)


def _both_passes(ufunc: np.ufunc, identity: float, x: Array, pool: Pooling, crew: Crew) -> Array:
    y = np.empty((len(x), pool.rows.output, pool.columns.output), x.dtype)

    def task(part: range) -> None:
        for planes in _blocks(part, x):
            down = _slide(ufunc, identity, x[planes], pool.rows, 1)
            y[planes] = _slide(ufunc, identity, down, pool.columns, 2)
            if ufunc is np.add:
                y[planes] /= pool.count

    crew.share(task, len(x), work=x.size * 2)
    return y


def _plane_average(x: Array, pool: Pooling, crew: Crew) -> Array:
    planes = x.reshape(len(x), x.shape[1] * x.shape[2])
    ones = np.ones(planes.shape[1], x.dtype)
    (sums,) = crew.share(lambda _: np.matmul(planes, ones), 1, work=x.size)
    y: Array = sums.reshape(len(x), 1, 1)
    y /= pool.count
    return y


def _slide(ufunc: np.ufunc, identity: float, source: Array, axis: Axis, dim: int) -> Array:
    """Reduce the taps of each window along one dimension."""
    if axis.kernel == axis.stride == 1 and axis.output == axis.size:
        return source
    if axis.output == 1:
        window = source[_along(dim, _one_window(axis))]
        reduced: Array = ufunc.reduce(window, axis=dim, keepdims=True)
        return reduced
    taps = [on_input(axis, tap) for tap in range(axis.kernel)]
    of_all = [source[_along(dim, places)] for windows, places in taps if windows == slice(0, axis.output)]
    if len(of_all) > 1:
        result: Array = ufunc(of_all[0], of_all[1])
    elif of_all:
        result = of_all[0].copy()
    else:
        result = np.full((*source.shape[:dim], axis.output, *source.shape[dim + 1 :]), identity, source.dtype)
    for tap in of_all[2:]:
        ufunc(result, tap, out=result)
    for windows, places in taps:
        if windows != slice(0, axis.output):
            reached = result[_along(dim, windows)]
            ufunc(reached, source[_along(dim, places)], out=reached)
    return result


def _spread(gradient: Array, axis: Axis, dim: int) -> Array:
    """Adjoint of _slide with np.add."""
    result = np.zeros((*gradient.shape[:dim], axis.size, *gradient.shape[dim + 1 :]), gradient.dtype)
    if axis.output == 1:
        result[_along(dim, _one_window(axis))] = gradient
        return result
    for windows, places in (on_input(axis, tap) for tap in range(axis.kernel)):
        result[_along(dim, places)] += gradient[_along(dim, windows)]
    return result


def _gradient_of_one_window(x: Array, dy: Array, dx: Array, pool: Pooling) -> Array:
    """As maximum_gradient for a single window, which may be too large for a step a tap."""
    places = (slice(None), _one_window(pool.rows), _one_window(pool.columns))
    window = x[places]
    height, width = window.shape[1:]
    row, column = np.divmod(window.reshape(len(x), height * width).argmax(axis=1), width)
    dx[places][np.arange(len(x)), row, column] = dy[:, 0, 0]
    return dx


def _one_window(axis: Axis) -> slice:
    """Places of an axis's only window that lie on the input."""
    return slice(-axis.before % axis.dilation, min(axis.size, axis.extent - axis.before), axis.dilation)


def _blocks(part: range, x: Array) -> list[slice]:
    """Cut a range of planes into blocks of about BLOCK_BYTES of x."""
    together = max(1, BLOCK_BYTES // (x.shape[1] * x.shape[2] * x.itemsize))
    return [slice(start, min(start + together, part.stop)) for start in range(part.start, part.stop, together)]


def _along(dim: int, where: slice) -> tuple[slice, ...]:
    return (slice(None),) * dim + (where,)
