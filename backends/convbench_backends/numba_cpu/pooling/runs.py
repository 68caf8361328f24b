"""Which kernels compute a pool: those of small windows where they can, else those of any window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import get_num_threads

from convbench_backends.numba_cpu.compiler.jit import run_for, shares
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.geometry import Array, spans, taps, window_places
from convbench_backends.numba_cpu.pooling import kernels, maxima, small_gradients, small_windows
from convbench_specs import Axis

ANY, SMALL = "row by row", "small windows"
"""How the two ways are called in results."""


@dataclass(frozen=True, slots=True)
class MaxRuns:
    """The passes of a maximum on planes that stay with them.

    Attributes:
        way: How it is called in results.
        forward: Writes y (planes, OH, OW).
        backward: Writes dx from the winners: of (winners (planes, OH, OW), dx (planes, H, W)).
    """

    way: str
    forward: Callable[[Array], None]
    backward: Callable[[Array, Array], None]


@dataclass(frozen=True, slots=True)
class AverageRuns:
    """The passes of an average: as those of a maximum, but that backward needs no winners."""

    way: str
    forward: Callable[[Array], None]
    backward: Callable[[Array], None]


_ROW_NS, _VECTOR_NS, _SCATTERED_NS = 20.0, 2.0, 1.0
"""About what it takes to begin a row of y, for a vector of a tap, and to add a number of dy at its place."""
_SMALL_ROW_NS, _SMALL_STRIP_NS = 2.0, 8.0
"""The same for small windows: to begin a row of y, or a group of rows of dx, and for a strip of it."""
_BAND_BYTES = 16 * 1024
"""Of x or dx in a band of rows: it stays in the first-level cache from one strip of its columns to the next."""
_STREAMED_BYTES = 16 * 2**20
"""Larger tensors come from memory and go there: a band is then one row, so that memory is read and written in order."""


SMALL_MAXIMA = {
    (2, 2): (small_windows.maxima_of_2, small_gradients.max_gradient_of_2),
    (3, 2): (small_windows.maxima_of_3, small_gradients.max_gradient_of_3),
    (3, 1): (small_windows.maxima_of_3_at_1, small_gradients.max_gradient_of_3_at_1),
}
"""The kernels of maxima, forward and backward, by size and stride of a window."""


def small_window(vertical: Axis, horizontal: Axis) -> tuple[int, int]:
    """Size and stride of windows that are alike in both directions and of which each reaches x, else zeros."""
    alike = {(axis.kernel, axis.stride) for axis in (vertical, horizontal)}
    reaching = all(axis.dilation == 1 and axis.fewest_taps > 0 for axis in (vertical, horizontal))
    return alike.pop() if reaching and len(alike) == 1 else (0, 0)


def max_runs(x: Array, dy: Array, vertical: Axis, horizontal: Axis) -> MaxRuns:
    """The kernels of a maximum over planes x (planes, H, W), with dy (planes, OH, OW), on all threads."""
    if pair := SMALL_MAXIMA.get(small_window(vertical, horizontal)):
        maximum, gradient = pair
        tasks, places = small_tasks(x, vertical, horizontal)
        return MaxRuns(
            SMALL,
            lambda y: maximum(tasks, x, places, y),
            lambda winners, dx: gradient(tasks, dy, winners, places, dx),
        )
    return any_max_runs(x, dy, vertical, horizontal)


def any_max_runs(x: Array, dy: Array, vertical: Axis, horizontal: Axis) -> MaxRuns:
    """The same by the kernels of any window."""
    tasks = shares(forward_ns(dy, vertical, horizontal), get_num_threads())
    window = (maxima.window_rows(vertical), maxima.window_columns(vertical, horizontal))
    backward, taken = run_for(_SCATTERED_NS * dy.size, kernels.max_backward), window_places(vertical, horizontal)
    return MaxRuns(
        ANY,
        lambda y: maxima.maxima(tasks, x, *window, y),
        lambda winners, dx: backward(len(dy), dy, winners, *taken, dx),
    )


def average_runs(x: Array, dy: Array, vertical: Axis, horizontal: Axis, *, count_padding: bool) -> AverageRuns:
    """The kernels of an average, which counts padding or not, in the same way."""
    if small_window(vertical, horizontal) == (2, 2) and vertical.fewest_taps == horizontal.fewest_taps == 2:
        tasks, places = small_tasks(x, vertical, horizontal)
        return AverageRuns(
            SMALL,
            lambda y: small_windows.averages_of_2(tasks, x, places, y),
            lambda dx: small_gradients.average_gradient_of_2(tasks, dy, places, dx),
        )
    return any_average_runs(x, dy, vertical, horizontal, count_padding=count_padding)


def any_average_runs(x: Array, dy: Array, vertical: Axis, horizontal: Axis, *, count_padding: bool) -> AverageRuns:
    """The same by the kernels of any window."""
    threads, window = get_num_threads(), (maxima.window_rows(vertical), maxima.window_columns(vertical, horizontal))
    tasks = shares(forward_ns(dy, vertical, horizontal), threads)
    rows, columns, stride = taps(vertical), spans(horizontal), np.array([horizontal.stride])
    one_column = np.array(_only_column(horizontal))
    tall, wide = (axis.taps(count_padding=count_padding).astype(x.dtype) for axis in (vertical, horizontal))
    row_shares = np.empty((threads, horizontal.output), x.dtype)
    return AverageRuns(
        ANY,
        lambda y: kernels.average_forward(tasks, x, rows, *window, columns, one_column, tall, wide, y),
        lambda dx: kernels.average_backward(tasks, dy, rows, columns, stride, tall, wide, row_shares, dx),
    )


def small_tasks(x: Array, vertical: Axis, horizontal: Axis) -> tuple[int, Array]:
    """Tasks, and top, left and rows of y, or groups of rows of dx, in a band, for the kernels of small windows."""
    rows, strips = -(-vertical.size // vertical.stride), -(-horizontal.output // lanes_of(x.itemsize))
    nanoseconds = len(x) * rows * (_SMALL_ROW_NS + _SMALL_STRIP_NS * strips)
    is_streamed = x.nbytes > _STREAMED_BYTES and strips > 1
    band = 1 if is_streamed else max(4, _BAND_BYTES // (vertical.stride * horizontal.size * x.itemsize))
    return shares(nanoseconds, get_num_threads()), np.array([vertical.before, horizontal.before, band])


def forward_ns(dy: Array, vertical: Axis, horizontal: Axis) -> float:
    """About how long one thread takes for any windows of a tensor as large as dy (planes, OH, OW), in nanoseconds."""
    vectors = -(-dy.shape[2] // lanes_of(dy.itemsize))
    row = _ROW_NS + _VECTOR_NS * vectors * vertical.kernel * horizontal.kernel
    return float(dy.shape[0] * dy.shape[1] * row)


def _only_column(axis: Axis) -> tuple[int, int]:
    """Start and end of the places that a single output sums, where they are neighbours, else 0 and 0."""
    if axis.output > 1 or axis.dilation > 1:
        return 0, 0
    return max(0, -axis.before), min(axis.size, axis.kernel - axis.before)
