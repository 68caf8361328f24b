# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""Maximum and average pooling, windows of any stride, padding and dilation, by tables of taps.

    x plane (H, W)            y (OH, OW)       which (OH, OW)
    +-------------+
    | [1 5]  . .  |  max      +-------+        +-------+
    | [3 2]  . .  |  ->       | 5   . |        | 1   . |     tap 1 of the window, row-major
    +-------------+           +-------+        +-------+

Loop order: plane and output row in parallel; output column; tap row; tap column. Backward runs over planes in
parallel, so windows that overlap add up in one thread and in one order.

`which` is the tap that won, the first of equals: one byte where a window has at most 256 taps, four bytes beyond.
All arrays are (N * C, H, W) planes; a pool over channels is one plane an image, with channels as rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.geometry import Index
from convbench_backends.numba_cpu.jit import kernel

Array = NDArray[np.floating]
Winner = NDArray[np.uint8] | NDArray[np.int32]


def winner_dtype(window: int) -> type[np.unsignedinteger[Any] | np.signedinteger[Any]]:
    """The smallest type that numbers the taps of a window."""
    return np.uint8 if window <= 256 else np.int32


@kernel
def max_forward(task: int, thread: int, x: Array, rows: Index, cols: Index, y: Array, which: Winner) -> None:
    """Compute y and the winning tap of each window; rows (R, OH), cols (S, OW)."""
    _, height, width = y.shape
    taps_h, taps_w = rows.shape[0], cols.shape[0]
    p, i = task // height, task % height
        for j in range(width):
            best, winner = -np.inf, -1
            for r in range(taps_h):
                h = rows[r, i]
                if h >= 0:
                    for s in range(taps_w):
                        w = cols[s, j]
                        if w >= 0 and (winner < 0 or x[p, h, w] > best):
                            best, winner = x[p, h, w], r * taps_w + s
            y[p, i, j] = best
            which[p, i, j] = winner


@kernel
def max_backward(task: int, thread: int, dy: Array, which: Winner, rows: Index, cols: Index, dx: Array) -> None:
    """Compute dx: each dy goes to the place of the tap that won."""
    _, height, width = dy.shape
    taps_w = cols.shape[0]
    p = task
    dx[p] = 0
        for i in range(height):
            for j in range(width):
                winner = np.int64(which[p, i, j])
                dx[p, rows[winner // taps_w, i], cols[winner % taps_w, j]] += dy[p, i, j]


@kernel
def average_forward(task: int, thread: int, x: Array, rows: Index, cols: Index, tall: Index, wide: Index, y: Array) -> None:
    """Compute y: sum of the taps on the input over tall[i] * wide[j], the taps that count."""
    _, height, width = y.shape
    taps_h, taps_w = rows.shape[0], cols.shape[0]
    p, i = task // height, task % height
        for j in range(width):
            total = 0.0
            for r in range(taps_h):
                h = rows[r, i]
                if h >= 0:
                    for s in range(taps_w):
                        if cols[s, j] >= 0:
                            total += x[p, h, cols[s, j]]
            y[p, i, j] = total / (tall[i] * wide[j])


@kernel
def average_backward(task: int, thread: int, dy: Array, rows: Index, cols: Index, tall: Index, wide: Index, dx: Array) -> None:
    """Compute dx: each dy is shared alike by the taps of its window."""
    _, height, width = dy.shape
    p = task
    dx[p] = 0
        for i in range(height):
            for j in range(width):
                share = dy[p, i, j] / (tall[i] * wide[j])
                for r in range(rows.shape[0]):
                    h = rows[r, i]
                    if h >= 0:
                        for s in range(cols.shape[0]):
                            if cols[s, j] >= 0:
                                dx[p, h, cols[s, j]] += share
