# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
"""The fast level: implicit GEMM over the flat layout of flat.py, for y and for dx.

    source (N, G, C, H, W)                                               target (N, G, K, H', W')
    +---------------+   pack     +---------+   tiles    +---------+  unpack  +------------+
    | band of rows  |  ------>   | planes  |  ------->  | sums of |  ------> | the same   |
    | + reach below |  + padding | of band |  x weights | 8 rows  |  - gaps  | rows       |
    +---------------+            +---------+            +---------+          +------------+
         memory                   2nd-level cache, one buffer a thread           memory

Loop order: image, group and band in parallel; phase; block of 8 filters; tile of 3 vectors; tap.
The weights of a block, C * R * S * 8 numbers, stay in the first-level cache over all tiles of a band; the band's
planes are read once a block from the second-level cache. Nothing is summed twice, so results do not depend on the
number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.flat_plan import Plan
from convbench_backends.numba_cpu.geometry import Index
from convbench_backends.numba_cpu.jit import parallel, prange, serial, thread_number
from convbench_backends.numba_cpu.tiles import FILTERS, TILES, copy_row, copy_second, multiply_tile
from convbench_backends.numba_cpu.vector import VECTOR_BYTES

Array = NDArray[Any]

FULL, HALF, NARROW = TILES[FILTERS][:2], TILES[FILTERS // 2][:2], TILES[1][:2]


@serial
def fill(target: Array, at: int, count: int, value: float) -> None:
    """Set `count` numbers."""
    row = target[at : at + count]
    for i in range(count):
        row[i] = value


@serial
def pack_row(source: Array, at: int, plan: Plan, plane: int, target: Array, to: int) -> None:
    """One row of a plane: the padding, the source's places, the padding."""
    first, low, high = plan.columns[plane, 0], plan.columns[plane, 1], plan.columns[plane, 2]
    step, count = plan.column_step, high - low
    start = at + first + low * step
    zero = source.dtype.type(0)
    fill(target, to, low, source[at] if plan.edge else zero)
    if step == 1:
        copy_row(source, start, target, to + low, count)
    elif step == 2:
        copy_second(source, start, target, to + low, count)
    else:
        for m in range(count):
            target[to + low + m] = source[start + m * step]
    fill(target, to + high, plan.pitch - high, source[at + plan.source_width - 1] if plan.edge else zero)


@serial
def pack(source: Array, at: int, plan: Plan, row: int, rows: int, target: Array) -> None:
    """Planes of all channels of one image and group, for grid rows `row` to row + rows - 1 and what they reach."""
    zero = source.dtype.type(0)
    columns_of_planes = plan.columns.shape[0]
    for c in range(plan.channels):
        channel = at + c * plan.source_height * plan.source_width
        for p in range(plan.rows.shape[0] * columns_of_planes):
            to = c * plan.channel_pitch + p * plan.plane_pitch
            first = plan.rows[p // columns_of_planes, 0] + row * plan.row_step
            for i in range(rows + plan.plane_rows - plan.band_rows):
                h = first + i * plan.row_step
                if plan.edge:
                    h = min(max(h, 0), plan.source_height - 1)
                if 0 <= h < plan.source_height:
                    pack_row(source, channel + h * plan.source_width, plan, p % columns_of_planes, target, to)
                else:
                    fill(target, to, plan.pitch, zero)
                to += plan.pitch
            fill(target, to, plan.lead, zero)


@serial
def sweep(
    width: int, x: Array, x_at: int, offsets: Index, o_at: int, taps: int, w: Array, w_at: int, b: Array, b_at: int,
    y: Array, y_at: int, y_pitch: int, length: int, exact: bool,
) -> None:  # fmt: skip
    """All tiles of one block of `width` filters; `exact` moves the last tile back instead of writing beyond length."""
    lanes = VECTOR_BYTES // x.itemsize
    longest, middle = _tile_lengths(width)
    q = 0
    while q < length:
        vectors = (length - q + lanes - 1) // lanes
        if exact:
            vectors = min(vectors, length // lanes)
        vectors = longest if vectors >= longest else middle if vectors >= middle else 1
        at = min(q, length - vectors * lanes) if exact else q
        multiply_tile(width, vectors, x, x_at + at, offsets, o_at, taps, w, w_at, b, b_at, y, y_at + at, y_pitch)
        q += vectors * lanes


@serial
def _tile_lengths(width: int) -> tuple[int, int]:
    """The two longer shapes of TILES for a block of `width` filters."""
    if width == FILTERS:
        return FULL
    return HALF if width == FILTERS // 2 else NARROW


@serial
def unpack(sums: Array, at: int, rows: int, row: int, phase: Index, plan: Plan, y: Array, y_at: int) -> None:
    """Write the sums of one filter, grid rows row to row + rows - 1, to the places of a phase."""
    low, high = max(row, phase[0]), min(row + rows, phase[1])
    count = phase[4] - phase[3]
    for i in range(low, high):
        source = at + (i - row) * plan.pitch + phase[3]
        h = i * plan.target_row_step + phase[2]
        target = y_at + h * plan.target_width + phase[3] * plan.target_column_step + phase[5]
        if plan.target_column_step == 1:
            copy_row(sums, source, y, target, count)
        else:
            for j in range(count):
                y[target + j * plan.target_column_step] = sums[source + j]


@parallel
def convolve(x: Array, w: Array, b: Array, plan: Plan, images: int, work: Array, y: Array) -> None:
    """y from x, w in the plan's order and b, one number a filter of every block; work (threads, plan.work_size)."""
    source_area = plan.source_height * plan.source_width
    for task in prange(images * plan.groups * plan.bands):
        image, band = task // plan.bands, task % plan.bands
        row = plan.grid_height * band // plan.bands
        rows = plan.grid_height * (band + 1) // plan.bands - row
        buffer = work[thread_number()]
        at = image * plan.channels * source_area
        for p in range(plan.phases.shape[0]):
            if plan.direct:
                convolve_band(x, at + row * plan.pitch, w, b, plan, p, image, row, rows, buffer, y)
            else:
                if p == 0:
                    pack(x, at, plan, row, rows, buffer)
                convolve_band(buffer, 0, w, b, plan, p, image, row, rows, buffer, y)


@serial
def convolve_band(
    x: Array, x_at: int, w: Array, b: Array, plan: Plan, p: int, image: int, row: int, rows: int, sums: Array, y: Array
) -> None:
    """All filters of one phase over one band, x either in place or packed."""
    phase, area = plan.phases[p], plan.target_height * plan.target_width
    group, taps = image % plan.groups, phase[7]
    length = (rows - 1) * plan.pitch + plan.grid_width
    w_at = phase[8] + group * taps * ((plan.blocks - 1) * FILTERS + plan.last_block)
    for block in range(plan.blocks):
        width = FILTERS if block < plan.blocks - 1 else plan.last_block
        k = block * FILTERS
        filters = min(width, plan.filters - k)
        b_at = group * plan.blocks * FILTERS + k
        y_at = (image * plan.filters + k) * area
        target, to, pitch = sums, plan.sums_at, plan.sums_pitch
        if plan.direct and filters == width:
            target, to, pitch = y, y_at + row * plan.pitch, area
        sweep(
            width, x, x_at, plan.offsets, phase[6], taps, w, w_at, b, b_at, target, to, pitch, length, plan.direct
        )  # fmt: skip
        if not (plan.direct and filters == width):
            for f in range(filters):
                unpack(sums, to + f * pitch, rows, row, phase, plan, y, y_at + f * area)
        w_at += taps * width


@parallel
def order_weights(w: Array, order: Index, ordered: Array) -> None:
    """ordered[i] = w[order[i]], or 0 where order is -1."""
    for i in prange(order.size):
        ordered[i] = w[order[i]] if order[i] >= 0 else 0
