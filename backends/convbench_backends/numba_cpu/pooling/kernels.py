# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Maximum and average pooling, windows of any stride, padding and dilation.

    x plane (H, W)            y (OH, OW)       which (OH, OW)
    +-------------+
    | [1 5]  . .  |  max      +-------+        +-------+
    | [3 2]  . .  |  ->       | 5   . |        | 1   . |     tap 1 of the window, row-major
    +-------------+           +-------+        +-------+

Loop order of the maximum with its winners: plane and output row in parallel; tap row; tap column; output column. The
innermost loop runs along a row of y for one tap, so that a row is a vector operation and stays in the first-level cache
over all taps. The maximum alone is that of maxima.py. Averages are sums of window_rows.py; where y has one column, as
for a global pool, they run along a row of x instead. Backward runs over planes in parallel, so windows that overlap add
up in one thread and in one order: that of an average adds rows of dy to rows of dx, tap by tap. An average over whole
planes, as at the end of a network, sums or fills them as rows. The common small windows are small_windows.py.

`which` is the tap that won, the first of equals or of NaNs: one byte where a window has at most 256 taps, four bytes
beyond.
Arrays are planes (N * C, H, W); a pool over channels is one plane an image, with channels as rows. rows (R, OH) is a
table of taps, spans (S, 3) are the stretches of outputs whose tap lies on the input, see geometry.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import add_apart, fill_rows, sum_rows, take_larger
from convbench_backends.numba_cpu.geometry import Array, Index
from convbench_backends.numba_cpu.pooling.window_rows import WIDEST_STRIDE, row_sums


def winner_dtype(window: int) -> type[np.unsignedinteger[Any] | np.signedinteger[Any]]:
    """The smallest type that numbers the taps of a window."""
    return np.uint8 if window <= 256 else np.int32


@kernel
def max_forward(
    task: int, tasks: int, thread: int, x: Array, rows: Index, spans: Index, stride: Index, first_tap: Index, y: Array,
    which: Array,
) -> None:  # fmt: skip
    """A share of the rows of y and the winners; first_tap (OH, OW) is the first tap of a window that lies on x."""
    height = y.shape[1]
    for number in range(len(y) * height * task // tasks, len(y) * height * (task + 1) // tasks):
        p, i = number // height, number % height
        best, winner = y[p, i], which[p, i]
        for j in range(best.size):
            best[j] = -np.inf
            winner[j] = first_tap[i, j]
        for r in range(rows.shape[0]):
            if rows[r, i] >= 0:
                row_maximum(x[p, rows[r, i]], spans, stride[0], r * spans.shape[0], best, winner)


@part
def row_maximum(row: Array, spans: Index, stride: int, tap: int, best: Array, winner: Array) -> None:
    """Let each tap of one row of a window win where its value is larger."""
    for s in range(spans.shape[0]):
        low, count, at = spans[s, 0], spans[s, 1], spans[s, 2]
        if stride <= 2:
            take_larger(row, at, stride, tap + s, best, low, winner, low, count)
            continue
        for j in range(count):
            value = row[at + j * stride]
            if not (value <= best[low + j] or best[low + j] != best[low + j]):  # NaN wins, the first
                best[low + j] = value
                winner[low + j] = tap + s


@kernel
def max_backward(
    task: int, tasks: int, thread: int, dy: Array, which: Array, first: Index, taps: Index, dx: Array
) -> None:
    """Dx of one plane: each dy goes to the place of the tap that won.

    first (OH, OW) is the place of each window's first tap in the plane, taps the distance of each tap from it.
    """
    plane, gradient = dx[task].reshape(-1), dy[task].reshape(-1)
    winner, place = which[task].reshape(-1), first.reshape(-1)
    plane[:] = 0
    for q in range(gradient.size):
        plane[place[q] + taps[winner[q]]] += gradient[q]


@kernel
def average_forward(
    task: int, tasks: int, thread: int, x: Array, rows: Index, reached: Index, columns: Index, spans: Index,
    one_column: Index, tall: Array, wide: Array, y: Array,
) -> None:  # fmt: skip
    """A share of the rows of y: sums over tall[i] * wide[j], the taps that count.

    reached and columns are those of maxima.py. one_column holds, where y is one column of neighbouring places, their
    start and end in a row of x, else 0 and 0.
    """
    height, width, count, stride = y.shape[1], x.shape[2], y.shape[2], columns[1]
    first, last = len(y) * height * task // tasks, len(y) * height * (task + 1) // tasks
    for number in range(first, last):
        p, i = number // height, number % height
        sums = y[p, i]
        if stride <= WIDEST_STRIDE and one_column[1] == 0:
            row_sums(
                x, (p * x.shape[1] + reached[i, 0]) * width, reached[i, 1], columns[4] * width, width, columns[0],
                stride, columns[2], columns[3], y, number * count, count,
            )  # fmt: skip
        else:
            sums[:] = 0
            for r in range(rows.shape[0]):
                if rows[r, i] >= 0:
                    add_window_row(x[p, rows[r, i]], spans, stride, one_column, sums)
    for number in range(first, last):  # a number that was just stored with others in a vector is slow to read alone
        p, i = number // height, number % height
        for j in range(count):
            y[p, i, j] /= tall[i] * wide[j]


@part
def add_window_row(row: Array, spans: Index, stride: int, one_column: Index, sums: Array) -> None:
    """Add what one row of x gives to a row of sums."""
    if one_column[1] > 0:
        sums[0] += total(row[one_column[0] : one_column[1]])
    else:
        for s in range(spans.shape[0]):
            for j in range(spans[s, 1]):
                sums[spans[s, 0] + j] += row[spans[s, 2] + j * stride]


@kernel
def plane_averages(task: int, tasks: int, thread: int, x: Array, y: Array) -> None:
    """A share of y (planes,): averages of whole planes x (planes, places)."""
    first, last = len(x) * task // tasks, len(x) * (task + 1) // tasks
    sum_rows(x, first * x.shape[1], last - first, x.shape[1], y, first)
    for p in range(first, last):
        y[p] /= x.shape[1]


@kernel
def fill_planes(task: int, tasks: int, thread: int, values: Array, dx: Array) -> None:
    """A share of dx (planes, places): each plane filled with its value."""
    first, last = len(dx) * task // tasks, len(dx) * (task + 1) // tasks
    fill_rows(values, first, last - first, dx.shape[1], dx, first * dx.shape[1])


@part
def total(row: Array) -> Any:
    """Sum of a row."""
    result = row.dtype.type(0)
    for j in range(row.size):
        result += row[j]
    return result


@kernel
def average_backward(
    task: int, tasks: int, thread: int, dy: Array, rows: Index, spans: Index, stride: Index, tall: Array, wide: Array,
    shares: Array, dx: Array,
) -> None:  # fmt: skip
    """A share of the planes of dx: each dy is shared alike by the taps of its window; shares (threads, OW)."""
    share = shares[thread]
    for p in range(len(dx) * task // tasks, len(dx) * (task + 1) // tasks):
        dx[p] = 0
        for i in range(dy.shape[1]):
            for j in range(share.size):
                share[j] = dy[p, i, j] / (tall[i] * wide[j])
            for r in range(rows.shape[0]):
                if rows[r, i] >= 0:
                    add_shares(shares, thread, spans, stride[0], dx, (p * dx.shape[1] + rows[r, i]) * dx.shape[2])


@part
def add_shares(shares: Array, thread: int, spans: Index, stride: int, dx: Array, row: int) -> None:
    """Add a row of shares to a row of dx, which begins at the place `row`, for each tap of it."""
    for s in range(spans.shape[0]):
        low, count, at = spans[s, 0], spans[s, 1], spans[s, 2]
        if stride <= WIDEST_STRIDE:
            add_apart(shares, thread * shares.shape[1] + low, dx, row + at, stride, count)
        else:
            flat = dx.reshape(-1)
            for j in range(count):
                flat[row + at + j * stride] += shares[thread, low + j]
