# ruff: noqa: PLR0917  # a kernel takes all it may need, by position
"""3 x 3 kernels at stride 1: dw and db by Winograd F(3 x 3, 2 x 2).

    x (N, C, H, W)     channels last     16 matrices (tiles, C)
    +---------+        +-----------+     +--------+
    | 4 x 4   |  ----> | 4 x 4     | --> |  V[p]  |               16 matrices (K, C)        dw (K, C, 3, 3)
    | tiles   |        | tiles     |     +--------+    D[p] @ V[p] +--------+    A^T M A    +-------+
    +---------+        +-----------+                   ----------> |  M[p]  |   --------->  |       |
    dy (N, K, OH, OW)  G dy G^T          +--------+                +--------+               +-------+
    | 2 x 2 tiles |   -------------->    |  D[p]  |
                                         +--------+
                                         16 matrices (K, tiles)

Loop order: share of the images in parallel; band of tile rows or run of images; product p; block of 3 vectors of
channels; block of 8 filters; tile. A share has an M of its own; shares are added up in their order, so no atomics are
needed and the same number of threads gives the same bits. M lies in blocks as they are summed, so that it streams.
"""

from __future__ import annotations

from typing import Any

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import add_trace, clear, prefetch
from convbench_backends.numba_cpu.compiler.vector import VECTOR_BYTES
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS
from convbench_backends.numba_cpu.convolution.winograd.weight_gradient_transforms import (
    OUTER_VECTORS,
    outer_tile,
    transform_columns,
    transform_gradient,
    transform_sums,
    transpose_row,
)
from convbench_backends.numba_cpu.geometry import Array


@kernel
def add_images(
    task: int, tasks: int, thread: int, x: Array, dy: Array, plans: Any, work: Array, m: Array, db: Array
) -> None:
    """One share: its products, into m (shares, 16 * plan.m_step), and its db (shares, K)."""
    plan = plans[0]
    m[task] = 0
    db[task] = 0
    runs = (plan.batch + plan.images - 1) // plan.images * plan.bands
    for run in range(runs * task // tasks, runs * (task + 1) // tasks):
        first, band = run // plan.bands * plan.images, run % plan.bands
        images = min(plan.images, plan.batch - first)
        row = plan.tile_rows * band // plan.bands
        rows = plan.tile_rows * (band + 1) // plan.bands - row
        tiles = images * rows * plan.tile_columns
        for i in range(images):
            take_x(x, first + i, i, tiles, plan, row, rows, work[thread])
            take_dy(dy, first + i, i, plan, row, rows, work[thread], db[task])
        multiply(plan, tiles, work[thread], m[task])


@part
def take_x(x: Array, image: int, place: int, tiles: int, plan: Any, row: int, rows: int, buffer: Array) -> None:
    """V of one image's band: each vector of channels lies with those of its block, tile by tile."""
    lanes = VECTOR_BYTES // x.itemsize
    pack_rows(x, image, plan, 2 * row - plan.top, 2 * rows + 2, buffer)
    for vector in range(plan.channel_vectors):
        block = vector // OUTER_VECTORS * OUTER_VECTORS
        width = min(OUTER_VECTORS, plan.channel_vectors - block)
        for i in range(rows):
            tile = (place * rows + i) * plan.tile_columns
            target = plan.v_at + (block * tiles + tile * width + vector - block) * lanes
            transform_columns(
                buffer, 2 * i * plan.row_pitch + vector * lanes, plan.row_pitch, plan.channel_vectors * lanes,
                plan.tile_columns, buffer, target, plan.v_step, width * lanes,
            )  # fmt: skip


@part
def pack_rows(x: Array, image: int, plan: Any, first: int, rows: int, buffer: Array) -> None:
    """Rows `first` and on of all channels, channels last, with padding; rows are written in turn, see transpose_row."""
    pitch = plan.channel_vectors * (VECTOR_BYTES // x.itemsize)
    area = plan.source_height * plan.source_width
    for i in range(rows):
        h, at = first + i, i * plan.row_pitch
        if 0 <= h < plan.source_height:
            source = image * plan.channels * area + h * plan.source_width
            end = at + (plan.left + plan.source_width) * pitch
            transpose_row(x, source, area, plan.channels, plan.source_width, buffer, at + plan.left * pitch, pitch)
            clear(buffer, at, plan.left * pitch)
            clear(buffer, end, at + plan.row_pitch - end)
        else:
            clear(buffer, at, plan.row_pitch)


@part
def take_dy(dy: Array, image: int, place: int, plan: Any, row: int, rows: int, buffer: Array, db: Array) -> None:
    """D of one image's band, and its part of db."""
    for k in range(plan.filters):
        source = ((image * plan.filters + k) * plan.target_height + 2 * row) * plan.target_width
        target = plan.d_at + k * plan.tile_pitch + place * rows * plan.tile_columns
        height = min(2 * rows, plan.target_height - 2 * row)
        prefetch(dy, source + plan.target_height * plan.target_width, height * plan.target_width)
        transform_gradient(
            dy, source, height, plan.target_width, buffer, target, plan.d_step, rows, plan.tile_columns, db, k
        )  # fmt: skip


@part
def multiply(plan: Any, tiles: int, buffer: Array, m: Array) -> None:
    """M[p] += D[p] @ V[p], block by block."""
    lanes = VECTOR_BYTES // buffer.itemsize
    at = 0
    for p in range(PRODUCTS):
        for block in range(0, plan.channel_vectors, OUTER_VECTORS):
            vectors = min(OUTER_VECTORS, plan.channel_vectors - block)
            v_at = plan.v_at + p * plan.v_step + block * tiles * lanes
            for k in range(plan.blocks):
                d_at = plan.d_at + p * plan.d_step + k * FILTERS * plan.tile_pitch
                outer_tile(vectors, buffer, d_at, plan.tile_pitch, buffer, v_at, tiles, m, at)
                at += FILTERS * vectors * lanes


@kernel
def finish(task: int, tasks: int, thread: int, m: Array, plans: Any, dw: Array, traces: Array) -> None:
    """A share of the filters of dw (K, C, 9), from the shares of m; traces as in forward.convolve."""
    plan = plans[0]
    lanes = VECTOR_BYTES // m.itemsize
    for k in range(plan.filters * task // tasks, plan.filters * (task + 1) // tasks):
        for vector in range(plan.channel_vectors):
            block = vector // OUTER_VECTORS * OUTER_VECTORS
            width = min(OUTER_VECTORS, plan.channel_vectors - block)
            at = (block * plan.blocks * FILTERS + k * width + vector - block) * lanes
            count = min(lanes, plan.channels - vector * lanes)
            target = 9 * (k * plan.channels + vector * lanes)
            transform_sums(m.reshape(-1), at, plan.m_step, m.shape[1], m.shape[0], dw, target, count)
        add_trace(dw, 9 * k * plan.channels, 9 * plan.channels, traces, thread)
