# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""The maxima of windows alone: what forward gives, since nothing asks it for the winners.

Loop order: rows of y in parallel; then that of window_rows.py, or at a stride beyond 2 output, tap row, tap column.

NaN is larger than any number. Of zeros of both signs the positive one is y, at a stride beyond 2 the first.
"""

from __future__ import annotations

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.geometry import Array, Index, taps
from convbench_backends.numba_cpu.pooling.window_rows import WIDEST_STRIDE, row_maxima
from convbench_specs import Axis


def window_rows(vertical: Axis) -> Index:
    """Of each row of y the first row of x that its windows reach, and how many they reach, (OH, 2)."""
    table = taps(vertical)
    counts = (table >= 0).sum(axis=0)
    firsts = np.where(counts > 0, table.max(axis=0) - (counts - 1) * vertical.dilation, 0)
    rows: Index = np.stack([firsts, counts], axis=1)
    return rows


def window_columns(vertical: Axis, horizontal: Axis) -> Index:
    """Taps, stride, dilation and padding before a row of x, and how many rows of x a window's rows are apart, (5,)."""
    across = horizontal.kernel, horizontal.stride, horizontal.dilation, horizontal.before
    return np.array([*across, vertical.dilation])


@kernel
def maxima(task: int, tasks: int, thread: int, x: Array, rows: Index, columns: Index, y: Array) -> None:
    """A share of the rows of y (planes, OH, OW), from x (planes, H, W); the tables are those of the functions above."""
    height, width, count = y.shape[1], x.shape[2], y.shape[2]
    kernel_size, stride, dilation, before, row_step = columns[0], columns[1], columns[2], columns[3], columns[4]
    for number in range(len(y) * height * task // tasks, len(y) * height * (task + 1) // tasks):
        p, i = number // height, number % height
        at, reached = (p * x.shape[1] + rows[i, 0]) * width, rows[i, 1]
        if stride <= WIDEST_STRIDE:
            row_maxima(
                x, at, reached, row_step * width, width, kernel_size, stride, dilation, before, y, number * count, count
            )  # fmt: skip
        else:
            distant_maxima(x[p], rows[i, 0], reached, row_step, kernel_size, stride, dilation, before, y[p, i])


@part
def distant_maxima(
    plane: Array, row: int, rows: int, row_step: int, kernel_size: int, stride: int, dilation: int, before: int,
    y: Array,
) -> None:  # fmt: skip
    """A row of y whose windows lie more than two places apart."""
    for j in range(y.size):
        best = y.dtype.type(-np.inf)
        for r in range(rows):
            for s in range(kernel_size):
                place = j * stride - before + s * dilation
                if 0 <= place < plane.shape[1]:
                    value = plane[row + r * row_step, place]
                    if not (value <= best or np.isnan(best)):  # NaN wins
                        best = value
        y[j] = best
