# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""3 x 3 kernels at stride 1: Winograd F(2 x 2, 3 x 3), for y and for dx.

    x (N, C, H, W)     16 matrices (C, tiles)     16 matrices (K, tiles)          y (N, K, OH, OW)
    +---------+        +--------+                 +--------+                      +---------+
    | 4 x 4   |  B^T x B  V[p]  |    U[p] @ V[p]  |  M[p]  |    A^T M A + b       | 2 x 2   |
    | tiles   |  ----> |        |    ---------->  |        |    ------------->    | tiles   |
    +---------+        +--------+                 +--------+                      +---------+

Loop order: run of images or band of tile rows in parallel; group of blocks of filters; product p; block of 8 filters;
tile of 3 vectors; channel. 16 multiply-adds do the work of 36. V of a task and M of a group stay in the second-level
cache; U is read once a task. The transforms are in transforms.py, the product is that of implicit_gemm.py with a
channel for a tap.

An element of a tile is a term of all its products, so NaN and infinity would reach outputs whose windows do not read
them. Outputs that read one are not finite either, and show that the tiles must not be used: see level.py.
"""

from __future__ import annotations

from typing import Any

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import add_trace, prefetch
from convbench_backends.numba_cpu.convolution.flat.implicit_gemm import sweep
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS
from convbench_backends.numba_cpu.convolution.winograd.transforms import (
    transform_block,
    transform_input,
    transform_output,
)
from convbench_backends.numba_cpu.geometry import Array, Index


@kernel
def transform_weights(task: int, tasks: int, thread: int, w: Array, plans: Any, steps: Index, u: Array) -> None:
    """A share of the blocks of U = G w G^T, (blocks, 16, weight_pitch), of C * FILTERS numbers each.

    steps: place in w of the first tap of filter 0 and channel 0, then what a filter, a channel and a tap step by.
    Filters that fill up the last block repeat the last one; nobody reads what they give.
    """
    plan = plans[0]
    for block in range(plan.blocks * task // tasks, plan.blocks * (task + 1) // tasks):
        transform_block(
            w, steps[0], steps[1], steps[2], steps[3], block * FILTERS, plan.filters, plan.channels,
            u, block * PRODUCTS * plan.weight_pitch, plan.weight_pitch,
        )  # fmt: skip


@kernel
def convolve(
    task: int, tasks: int, thread: int, x: Array, u: Array, b: Array, plans: Any, offsets: Index, zeros: Array,
    work: Array, y: Array, traces: Array,
) -> None:  # fmt: skip
    """One band of a run of images; b (K,), zeros has FILTERS numbers, work (threads, plan.work_size).

    traces (threads,) become NaN where an output is not finite.
    """
    plan = plans[0]
    first, band = task // plan.bands * plan.images, task % plan.bands
    images = min(plan.images, plan.batch - first)
    row = plan.tile_rows * band // plan.bands
    rows = plan.tile_rows * (band + 1) // plan.bands - row
    buffer = work[thread]
    for i in range(images):
        for c in range(plan.channels):
            source = ((first + i) * plan.channels + c) * plan.source_height * plan.source_width
            target = c * plan.tile_pitch + i * rows * plan.tile_columns
            below = source + (plan.source_height + 2 * row - plan.top) * plan.source_width  # the next channel's rows
            prefetch(x, below, (2 * rows + 2) * plan.source_width)
            transform_input(
                x, source, plan.source_height, plan.source_width, 2 * row - plan.top, -plan.left, buffer, target,
                plan.v_step, rows, plan.tile_columns,
            )  # fmt: skip
    for block in range(0, plan.blocks, plan.group):
        blocks = min(plan.group, plan.blocks - block)
        multiply(u, block, blocks, plan, offsets, zeros, images * rows * plan.tile_columns, buffer)
        for i in range(images):
            write_filters(plan, block, blocks, first + i, i, row, rows, b, buffer, y, traces, thread)


@part
def multiply(
    u: Array, block: int, blocks: int, plan: Any, offsets: Index, zeros: Array, tiles: int, buffer: Array
) -> None:
    """M[p] = U[p] @ V[p] for a group of blocks of filters."""
    for p in range(PRODUCTS):
        source = p * plan.v_step
        for i in range(blocks):
            w_at = ((block + i) * PRODUCTS + p) * plan.weight_pitch
            target = plan.m_at + p * plan.m_step + i * FILTERS * plan.tile_pitch
            sweep(
                FILTERS, buffer, source, offsets, 0, plan.channels, u, w_at, zeros, 0, buffer, target, plan.tile_pitch,
                tiles, 0, 0, -1, 0,
            )  # fmt: skip


@part
def write_filters(
    plan: Any, block: int, blocks: int, image: int, place: int, row: int, rows: int, b: Array, buffer: Array, y: Array,
    traces: Array, thread: int,
) -> None:  # fmt: skip
    """Outputs of one image for a group of blocks of filters, and their trace while they are in the nearest cache."""
    left = plan.target_height - 2 * row
    for f in range(min(blocks * FILTERS, plan.filters - block * FILTERS)):
        k = block * FILTERS + f
        source = plan.m_at + f * plan.tile_pitch + place * rows * plan.tile_columns
        target = ((image * plan.filters + k) * plan.target_height + 2 * row) * plan.target_width
        transform_output(
            buffer, source, plan.m_step, rows, plan.tile_columns, b, k, y, target, left, plan.target_width
        )  # fmt: skip
        add_trace(y, target, min(2 * rows, left) * plan.target_width, traces, thread)
