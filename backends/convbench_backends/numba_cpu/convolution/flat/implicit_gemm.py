# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Implicit GEMM over the flat layout of layout.py, for y and for dx.

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

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import clear, copy_rows
from convbench_backends.numba_cpu.compiler.vector import VECTOR_BYTES
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS, TILES, multiply_tile, settle
from convbench_backends.numba_cpu.convolution.weaving import weave_block
from convbench_backends.numba_cpu.geometry import Array, Index

FULL, HALF, NARROW = TILES[FILTERS][:2], TILES[FILTERS // 2][:2], TILES[1][:2]


@part
def pack_channel(source: Array, at: int, plan: Any, places: Index, row: int, rows: int, target: Array, to: int) -> None:
    """Planes of one channel, for grid rows `row` to row + rows - 1 and the rows that they reach."""
    for p in range(plan.row_planes * plan.column_planes):
        columns = plan.row_planes + p % plan.column_planes
        first, low, high = places[columns, 0], places[columns, 1], places[columns, 2]
        top = places[p // plan.column_planes, 0] + row * plan.row_step
        above = max(0, -(top // plan.row_step))
        below = max(above, min(rows + plan.reach, (plan.source_height - 1 - top) // plan.row_step + 1))
        plane = to + p * plan.plane_pitch
        clear(target, plane, (rows + plan.reach) * plan.pitch + plan.lead)
        copy_rows(
            source, at + (top + above * plan.row_step) * plan.source_width + first + low * plan.column_step,
            plan.row_step * plan.source_width, plan.column_step, target, plane + above * plan.pitch + low, plan.pitch,
            below - above, high - low,
        )  # fmt: skip


@part
def sweep(
    width: int, x: Array, x_at: int, offsets: Index, o_at: int, taps: int, w: Array, w_at: int, b: Array, b_at: int,
    y: Array, y_at: int, y_pitch: int, length: int, exact: int, streams: int, coming: int, line: int,
) -> int:  # fmt: skip
    """All tiles of one block of `width` filters; where `exact`, the last tile moves back and writes nothing beyond.

    Where it `streams`, y goes past the caches.

    Unless `coming` is negative, each tile asks for a line of every channel of as long a band that begins there, line
    after line from number `line` on: channels lie pages apart, which no processor foresees. Returns the next line.
    """
    lanes = VECTOR_BYTES // x.itemsize
    longest, middle = _tile_lengths(width)
    q = 0
    while q < length:
        vectors = (length - q + lanes - 1) // lanes
        if exact:
            vectors = min(vectors, length // lanes)
        vectors = longest if vectors >= longest else middle if vectors >= middle else 1
        at = min(q, length - vectors * lanes) if exact else q
        ahead = coming - x_at - at + line * lanes if coming >= 0 and line * lanes < length else 0
        multiply_tile(
            width, vectors, x, x_at + at, offsets, o_at, taps, ahead, w, w_at, b, b_at, y, y_at + at, y_pitch, streams
        )
        q += vectors * lanes
        line += 1
    return line


@part
def _tile_lengths(width: int) -> tuple[int, int]:
    """The two longer shapes of TILES for a block of `width` filters."""
    if width == FILTERS:
        return FULL
    return HALF if width == FILTERS // 2 else NARROW


@part
def unpack(sums: Array, at: int, rows: int, row: int, phase: Index, plan: Any, y: Array, y_at: int) -> None:
    """Write the sums of one filter, grid rows row to row + rows - 1, to the places of a phase."""
    low, high = max(row, phase[0]), min(row + rows, phase[1])
    source, count = at + (low - row) * plan.pitch + phase[3], phase[4] - phase[3]
    target = y_at + (low * plan.target_row_step + phase[2]) * plan.target_width
    target += phase[3] * plan.target_column_step + phase[5]
    pitch = plan.target_row_step * plan.target_width
    if plan.target_column_step == 1:
        copy_rows(sums, source, plan.pitch, 1, y, target, pitch, high - low, count)
        return
    for i in range(high - low):
        for j in range(count):
            y[target + i * pitch + j * plan.target_column_step] = sums[source + i * plan.pitch + j]


@kernel
def convolve(
    task: int, tasks: int, thread: int, x: Array, w: Array, b: Array, plans: Any, places: Index, phases: Index,
    offsets: Index, work: Array, y: Array,
) -> None:  # fmt: skip
    """One band of one group of one image; w is in the plan's order, b has a number for each filter of every block."""
    plan = plans[0]
    image, band = task // plan.bands, task % plan.bands
    row = plan.grid_height * band // plan.bands
    rows = plan.grid_height * (band + 1) // plan.bands - row
    buffer = work[thread]
    size = plan.channels * plan.source_height * plan.source_width
    source, at, coming = x, image * size, -1
    if plan.direct:
        at += row * plan.pitch
        if task + 1 < tasks:
            band = (task + 1) % plan.bands
            coming = (task + 1) // plan.bands * size + plan.grid_height * band // plan.bands * plan.pitch
    else:
        for c in range(plan.channels):
            channel = at + c * plan.source_height * plan.source_width
            pack_channel(x, channel, plan, places, row, rows, buffer, c * plan.channel_pitch)
        source, at = buffer, 0
    for p in range(phases.shape[0]):
        convolve_band(source, at, coming, w, b, plan, phases[p], offsets, image, row, rows, buffer, y)
    if plan.streams:
        settle(y, 0)


@part
def convolve_band(
    x: Array, x_at: int, coming: int, w: Array, b: Array, plan: Any, phase: Index, offsets: Index, image: int, row: int,
    rows: int, sums: Array, y: Array,
) -> None:  # fmt: skip
    """All filters of one phase over one band, x either in place or packed.

    Where x lies in place, the band that begins at `coming` is asked for meanwhile, see `sweep`.
    """
    area = plan.target_height * plan.target_width
    group, taps = image % plan.groups, phase[7]
    length = (rows - 1) * plan.pitch + plan.grid_width
    line = 0
    w_at = plan.groups * phase[8] + group * taps * ((plan.blocks - 1) * FILTERS + plan.last_block)
    for block in range(plan.blocks):
        width = FILTERS if block < plan.blocks - 1 else plan.last_block
        k = block * FILTERS
        filters = min(width, plan.filters - k)
        b_at = group * plan.blocks * FILTERS + k
        y_at = (image * plan.filters + k) * area
        in_place = filters == width and (plan.direct or plan.by_rows)
        target, to, pitch, runs, span = sums, plan.sums_at, plan.sums_pitch, 1, length
        exact, streams = 1 if in_place or plan.direct else 0, 1 if in_place and plan.streams else 0
        if in_place:
            target, to, pitch = y, y_at + row * plan.target_width, area
            if plan.by_rows:
                runs, span = rows, plan.grid_width
        for run in range(runs):
            line = sweep(
                width, x, x_at + run * plan.pitch, offsets, phase[6], taps, w, w_at, b, b_at, target,
                to + run * plan.target_width, pitch, span, exact, streams, coming, line,
            )  # fmt: skip
        if not in_place:
            for f in range(filters):
                unpack(sums, to + f * pitch, rows, row, phase, plan, y, y_at + f * area)
        w_at += taps * width + plan.weights_gap


@kernel
def weave_weights(task: int, tasks: int, thread: int, w: Array, sizes: Index, ordered: Array) -> None:
    """A share of the blocks of w (filters, taps) in the order of a plan with gaps; sizes (filters, taps, gap)."""
    filters, taps, gap = sizes[0], sizes[1], sizes[2]
    blocks = (filters + FILTERS - 1) // FILTERS
    for block in range(blocks * task // tasks, blocks * (task + 1) // tasks):
        k, at = block * FILTERS, block * (taps * FILTERS + gap)
        count = min(FILTERS, filters - k)
        if count == FILTERS:
            weave_block(w, k * taps, taps, FILTERS - 1, taps, ordered, at)
            continue
        width = 1
        while width < count:
            width *= 2
        for t in range(taps):
            for f in range(width):
                ordered[at + t * width + f] = w[(k + f) * taps + t] if f < count else 0


@kernel
def order_weights(task: int, tasks: int, thread: int, w: Array, order: Index, ordered: Array) -> None:
    """A share of ordered[i] = w[order[i]], or 0 where order is -1."""
    for i in range(order.size * task // tasks, order.size * (task + 1) // tasks):
        ordered[i] = w[order[i]] if order[i] >= 0 else 0
