# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""dx of few channels: the columns of dx as a matrix product, each added where im2col would read it.

    dy (K, OH, OW)                     columns (C*R*S, places)             dx (C, H, W)
    +---------------+   tiles          +--------------------+   add row   +------------+
    | band of rows  |   --------->     | one row a channel  |   by row    |   +------+ |
    | in place      |   x weights      | and tap            |   ------>   |   | band | |
    +---------------+                  +--------------------+             +---+------+-+

With one channel, a tile of implicit_gemm.py would be one row high: a load for each multiply-add. Here a tile's rows are
channels and taps, and its taps are filters, so that it has eight rows and dy needs no copy.

Loop order: image and group in parallel; band; block of 8 columns' rows; tile of 3 vectors; filter; then channel, tap
and row. The windows of two bands overlap, so a task does the bands of its image in turn: no atomics, and results do not
depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import add_rows, clear
from convbench_backends.numba_cpu.convolution.flat.implicit_gemm import sweep
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import Array, Index


@kernel
def input_gradient(
    task: int, tasks: int, thread: int, dy: Array, w: Array, zeros: Array, plans: Any, rows: Index, columns: Index,
    offsets: Index, work: Array, dx: Array,
) -> None:  # fmt: skip
    """One group of one image; w in the order of column_order, zeros has FILTERS numbers."""
    plan = plans[0]
    area = plan.target_height * plan.target_width
    source, target = task * plan.filters * plan.height * plan.width, task * plan.channels * area
    clear(dx, target, plan.channels * area)
    for band in range(plan.bands):
        first, last = plan.height * band // plan.bands, plan.height * (band + 1) // plan.bands
        multiply(
            dy, source + first * plan.width, w, task % plan.groups, zeros, plan, offsets, last - first, work[thread]
        )
        for c in range(plan.channels):
            add_channel(work[thread], c, plan, rows, columns, first, last, dx, target + c * area)


@part
def multiply(
    dy: Array, at: int, w: Array, group: int, zeros: Array, plan: Any, offsets: Index, rows: int, buffer: Array
) -> None:
    """All columns of a band of `rows` rows of dy."""
    w_at = group * plan.filters * ((plan.blocks - 1) * FILTERS + plan.last_block)
    for block in range(plan.blocks):
        width = FILTERS if block < plan.blocks - 1 else plan.last_block
        sweep(
            width, dy, at, offsets, 0, plan.filters, w, w_at, zeros, 0, buffer, block * FILTERS * plan.pitch,
            plan.pitch, rows * plan.width, 1, 0, -1, 0,
        )  # fmt: skip
        w_at += plan.filters * width


@part
def add_channel(
    buffer: Array, c: int, plan: Any, rows: Index, columns: Index, first: int, last: int, dx: Array, at: int
) -> None:
    """Add the columns of one channel, those of outputs in rows first to last - 1."""
    for r in range(rows.shape[0]):
        low, high = max(first, rows[r, 0]), min(last, rows[r, 0] + rows[r, 1])
        for s in range(columns.shape[0]):
            tap = (c * rows.shape[0] + r) * columns.shape[0] + s
            source = tap * plan.pitch + (low - first) * plan.width + columns[s, 0]
            target = at + (rows[r, 2] + low - rows[r, 0]) * plan.target_width + columns[s, 2]
            add_rows(buffer, source, plan.width, dx, target, plan.target_width, high - low, columns[s, 1])
