# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Products of packed matrices: y and dx of places by weights, dw of places by places.

    panels, a band of them        blocks of weights            tiles
    +-----+-----+-----+           +---+                        +-----------+
    | x 48| x 48|     |  taps     | 8 |  taps        ->        |  8 x 48   |  stays in registers over a chunk of taps
    +-----+-----+-----+           +---+                        +-----------+
     2nd-level cache               1st-level cache               memory, if it is whole and lies in one image

Loop order: part of the result in parallel; band of panels; chunk of taps; block; panel. Sums do not depend on the
number of threads: chunks are cut by sizes alone and added in their order.
"""

from __future__ import annotations

from typing import Any

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import clear, copy_rows
from convbench_backends.numba_cpu.compiler.vector import VECTOR_BYTES
from convbench_backends.numba_cpu.convolution.panels.packing import (
    COLUMN,
    COUNT,
    IMAGE,
    TARGET,
    list_pieces,
    spread_row,
    take_taps,
)
from convbench_backends.numba_cpu.convolution.register_tiles import AHEAD, FILTERS, PANEL, panel_tile
from convbench_backends.numba_cpu.convolution.weaving import weave_block, weave_panel
from convbench_backends.numba_cpu.geometry import Array, Index


@part
def part_of_result(plan: Any, task: int) -> tuple[int, int, int, int]:
    """The first panel of a task and the one behind its last, the same of its blocks."""
    wide, high = task // plan.block_parts, task % plan.block_parts
    return (
        plan.panels * wide // plan.panel_parts, plan.panels * (wide + 1) // plan.panel_parts,
        plan.blocks * high // plan.block_parts, plan.blocks * (high + 1) // plan.block_parts,
    )  # fmt: skip


@kernel
def convolve(
    task: int, tasks: int, thread: int, x: Array, w: Array, b: Array, plans: Any, rows: Index, spans: Index,
    pieces: Index, work: Array, y: Array,
) -> None:  # fmt: skip
    """A part of y; w in blocks of FILTERS, b with a number for each filter of every block."""
    plan = plans[0]
    panel, last_panel, first, last = part_of_result(plan, task)
    while panel < last_panel:
        band = min(plan.band, last_panel - panel)
        convolve_band(x, w, b, plan, rows, spans, panel, band, first, last, pieces[thread], work[thread], y)
        panel += band


@part
def convolve_band(
    x: Array, w: Array, b: Array, plan: Any, rows: Index, spans: Index, panel: int, band: int, first: int, last: int,
    pieces: Index, work: Array, y: Array,
) -> None:  # fmt: skip
    """Blocks first to last - 1 of a band of panels."""
    lanes = VECTOR_BYTES // x.itemsize
    width = PANEL * lanes
    begin, end = panel * width, min((panel + band) * width, plan.places)
    number = list_pieces(begin, end, plan.output_height, plan.output_width, width, plan.panel_size, pieces)
    area, window = plan.output_height * plan.output_width, plan.row_taps * plan.column_taps
    coming, is_ahead = end, plan.plain and plan.chunks == 1 and end < plan.places
    for chunk in range(plan.chunks):
        low, high = plan.channels * chunk // plan.chunks, plan.channels * (chunk + 1) // plan.chunks
        depth = (high - low) * window
        pack_band(x, plan, rows, spans, low, high, width, pieces, number, work)
        for block in range(first, last):
            w_at = block * plan.block_size + low * window * FILTERS
            filters = min(FILTERS, plan.filters - block * FILTERS)
            for p in range(band):
                place = begin + p * width
                count = min(width, end - place)
                vectors = (count + lanes - 1) // lanes
                image = place // area
                is_whole = count == vectors * lanes and (place + count - 1) // area == image and filters == FILTERS
                ahead, pitch, lines = 0, 0, 0
                channel = ((block - first) * band + p) * AHEAD
                if is_ahead and channel + AHEAD <= plan.channels:
                    ahead = (coming // plan.width * plan.channels + channel) * plan.width + coming % plan.width
                    pitch, lines = plan.width, (min(band * width, plan.width - coming % plan.width) - 1) // lanes
                if is_whole and plan.chunks == 1 and plan.target_step == 1:
                    at = (image * plan.filters + block * FILTERS) * area + place % area
                    panel_tile(
                        vectors, work, p * plan.panel_size, depth, x, ahead, pitch, lines, w, w_at, b, block * FILTERS,
                        0, y, at, area,
                    )  # fmt: skip
                    continue
                tile = 0 if plan.chunks == 1 else (block - first) * band + p
                at = plan.sums_at + tile * FILTERS * width
                panel_tile(
                    vectors, work, p * plan.panel_size, depth, x, ahead, pitch, lines, w, w_at, b, block * FILTERS,
                    1 if chunk > 0 else 0, work, at, width,
                )  # fmt: skip
                if chunk == plan.chunks - 1:
                    write_tile(work, at, width, plan, block * FILTERS, filters, place, count, y)


@part
def pack_band(
    x: Array, plan: Any, rows: Index, spans: Index, low: int, high: int, width: int, pieces: Index, number: int,
    work: Array,
) -> None:  # fmt: skip
    """Panels of the taps of channels low to high - 1."""
    at = 0
    for channel in range(low, high):
        for r in range(plan.row_taps):
            for s in range(plan.column_taps):
                take_taps(
                    x, plan.channels, plan.height, plan.width, rows, spans, plan.column_step, channel, r, s, pieces,
                    number, work, at,
                )  # fmt: skip
                at += width


@part
def write_tile(
    sums: Array, at: int, pitch: int, plan: Any, first: int, filters: int, place: int, count: int, y: Array
) -> None:
    """Places of a tile to where they belong, filters first to first + filters - 1."""
    area = plan.output_height * plan.output_width
    target_area, step = plan.target_height * plan.target_width, plan.target_step
    done = 0
    while done < count:
        image, within = (place + done) // area, (place + done) % area
        run = min(count - done, area - within)
        if step > 1:
            row, column = within // plan.target_columns, within % plan.target_columns
            run = min(run, plan.target_columns - column)
            row, column = row * step, column * step
            behind = min(plan.target_width - column, run * step) - ((run - 1) * step + 1)
            for f in range(filters):
                to = ((image * plan.filters + first + f) * plan.target_height + row) * plan.target_width + column
                spread_row(sums, at + f * pitch + done, run, step, behind, y, to)
                for below in range(1, min(step, plan.target_height - row)):
                    clear(y, to + below * plan.target_width, (run - 1) * step + 1 + behind)
        else:
            to = (image * plan.filters + first) * target_area + within
            copy_rows(sums, at + done, pitch, 1, y, to, target_area, filters, run)
        done += run


@kernel
def weight_gradient(
    task: int, tasks: int, thread: int, x: Array, dy: Array, zeros: Array, plans: Any, rows: Index, spans: Index,
    pieces: Index, work: Array, dw: Array,
) -> None:  # fmt: skip
    """A part of dw (filters, taps)."""
    plan = plans[0]
    panel, last_panel, first, last = part_of_result(plan, task)
    while panel < last_panel:
        band = min(plan.band, last_panel - panel)
        for chunk in range(plan.chunks):
            add_chunk(
                x, dy, zeros, plan, rows, spans, panel, band, first, last, chunk, pieces[thread], work[thread], dw
            )
        panel += band


@part
def add_chunk(
    x: Array, dy: Array, zeros: Array, plan: Any, rows: Index, spans: Index, panel: int, band: int, first: int,
    last: int, chunk: int, pieces: Index, work: Array, dw: Array,
) -> None:  # fmt: skip
    """What a chunk of places adds to a band of panels."""
    lanes = VECTOR_BYTES // x.itemsize
    width, taps = PANEL * lanes, plan.channels * plan.row_taps * plan.column_taps
    vectors, area = (plan.places + lanes - 1) // lanes, plan.output_height * plan.output_width
    low = vectors * chunk // plan.chunks * lanes
    high = min(plan.places, vectors * (chunk + 1) // plan.chunks * lanes)
    pack_turned(x, plan, rows, spans, panel * width, min((panel + band) * width, taps), low, high, pieces, work)
    for block in range(first, last):
        k = block * FILTERS
        filters = min(FILTERS, plan.filters - k)
        take_dy(dy, plan, k, filters, low, high, work)
        # with the first tile the next block of dy is asked for
        ahead = ((low // area) * plan.filters + k + FILTERS) * area + low % area
        is_ahead = k + FILTERS + AHEAD <= plan.filters
        lines = (min(high - low, area - low % area) - 1) // lanes
        for p in range(band):
            tap = (panel + p) * width
            count = min(width, taps - tap)
            vectors = (count + lanes - 1) // lanes
            at, adds = k * taps + tap, 1 if chunk > 0 else 0
            start, pitch = (ahead, area) if is_ahead and p == 0 else (0, 0)
            if count == vectors * lanes and filters == FILTERS:
                panel_tile(
                    vectors, work, p * plan.panel_size, high - low, dy, start, pitch, lines, work, plan.block_at, zeros,
                    0, adds, dw, at, taps,
                )  # fmt: skip
                continue
            if chunk > 0:
                copy_rows(dw, at, taps, 1, work, plan.sums_at, width, filters, count)
            panel_tile(
                vectors, work, p * plan.panel_size, high - low, dy, start, pitch, lines, work, plan.block_at, zeros, 0,
                adds, work, plan.sums_at, width,
            )  # fmt: skip
            copy_rows(work, plan.sums_at, width, 1, dw, at, taps, filters, count)


@part
def pack_turned(
    x: Array, plan: Any, rows: Index, spans: Index, tap: int, last: int, low: int, high: int, pieces: Index,
    work: Array,
) -> None:  # fmt: skip
    """Panels of taps `tap` to last - 1, the places low to high - 1 one behind the other in each."""
    lanes = VECTOR_BYTES // x.itemsize
    number = list_pieces(low, high, plan.output_height, plan.output_width, high - low, 0, pieces)
    window, done, pitch = plan.row_taps * plan.column_taps, 0, PANEL * lanes
    while tap < last:
        count = min(lanes, last - tap)
        at = done // PANEL * plan.panel_size + done % PANEL * lanes
        if plan.plain:
            for p in range(number):
                start = (pieces[p, IMAGE] * plan.channels + tap) * plan.width + pieces[p, COLUMN]
                weave_panel(
                    x, start, plan.width, count - 1, pieces[p, COUNT], work, at + pieces[p, TARGET] * pitch, pitch
                )  # fmt: skip
        else:
            for t in range(count):
                channel, within = (tap + t) // window, (tap + t) % window
                take_taps(
                    x, plan.channels, plan.height, plan.width, rows, spans, plan.column_step, channel,
                    within // plan.column_taps, within % plan.column_taps, pieces, number, work,
                    plan.rows_at + t * plan.block_size,
                )  # fmt: skip
            weave_panel(work, plan.rows_at, plan.block_size, count - 1, high - low, work, at, pitch)
        tap += count
        done += 1


@part
def take_dy(dy: Array, plan: Any, k: int, filters: int, low: int, high: int, work: Array) -> None:
    """A block of dy, filters k to k + filters - 1, at the places low to high - 1, transposed."""
    area = plan.output_height * plan.output_width
    done = low
    while done < high:
        image, within = done // area, done % area
        run = min(high - done, area - within)
        weave_block(
            dy, (image * plan.filters + k) * area + within, area, filters - 1, run, work,
            plan.block_at + (done - low) * FILTERS,
        )  # fmt: skip
        done += run
