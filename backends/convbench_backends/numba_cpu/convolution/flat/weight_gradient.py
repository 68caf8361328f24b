# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""dw and db as long dot products over the flat layout of layout.py.

    dw[k, c, r, s] = sum over n, q of dy[n, k, q] * x[n, c, q + r * pitch + s]

    dy, a band of all filters         x, a few channels of it          sums, blocks of 4 filters x 6 taps
    +----------------+                +------------------+             +---+---+---
    | rows, a gap of |  2nd-level     | planes, padded   |  1st-level  |4x6|4x6|       one set a share
    | zeros behind   |  cache         |                  |  cache      +---+---+---
    +----------------+                +------------------+

Loop order: share and group in parallel; run of images or band; block of channels; block of taps; block of filters;
place.
The gaps of dy are zero, so what x holds there does not count. A share sums its own images, and shares are added up in
their order: no atomics, and the same number of threads gives the same bits.
"""

from __future__ import annotations

from typing import Any

from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import clear, copy_rows
from convbench_backends.numba_cpu.convolution.flat.implicit_gemm import pack_channel
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_TILES, dot_tile
from convbench_backends.numba_cpu.geometry import Array, Index

_FULL = max(DOT_TILES)
_FULL_TAPS, _SINGLE_TAPS = DOT_TILES[_FULL], DOT_TILES[1]


@kernel
def add_images(
    task: int, tasks: int, thread: int, x: Array, dy: Array, plans: Any, places: Index, offsets: Index, work: Array,
    sums: Array, db: Array,
) -> None:  # fmt: skip
    """Sums of one share and group, into sums (shares, share_size) and db (shares, groups * filters) of float64."""
    plan = plans[0]
    share, group = task // plan.groups, task % plan.groups
    buffer = work[thread]
    size = sums.shape[1] // plan.groups
    mine = sums[share, group * size : (group + 1) * size]
    mine[:] = 0
    biases = db[share, group * plan.filters : (group + 1) * plan.filters]
    biases[:] = 0
    units = plan.batch * plan.bands
    unit, end = units * share // plan.shares, units * (share + 1) // plan.shares
    while unit < end:
        images = min(plan.images, end - unit)
        row = plan.output_height * (unit % plan.bands) // plan.bands
        rows = plan.output_height * (unit % plan.bands + 1) // plan.bands - row
        gradient_of_band(
            x, dy, plan, places, offsets, unit // plan.bands, group, images, row, rows, buffer, mine, biases
        )
        unit += images


@part
def gradient_of_band(
    x: Array, dy: Array, plan: Any, places: Index, offsets: Index, image: int, group: int, images: int, row: int,
    rows: int, buffer: Array, sums: Array, db: Array,
) -> None:  # fmt: skip
    """Add what one band of a run of images gives."""
    area, dy_area = plan.source_height * plan.source_width, plan.output_height * plan.output_width
    x_at = (image * plan.groups + group) * plan.channels * area
    dy_at = (image * plan.groups + group) * plan.filters * dy_area
    length = (rows - 1) * plan.pitch + plan.output_width
    gradient, source = dy, x
    x_step, dy_step = plan.groups * plan.channels * area, plan.groups * plan.filters * dy_area
    if plan.direct:
        x_at += row * plan.pitch
        dy_at += row * plan.pitch
    else:
        pack_dy(dy, dy_at, plan, images, row, rows, buffer)
        gradient, source, dy_at = buffer, buffer, plan.x_size
        x_step, dy_step = plan.block_channels * plan.channel_pitch, plan.row_blocks * plan.rows * plan.dy_pitch
    for i in range(images):
        add_rows(gradient, dy_at + i * dy_step, plan.dy_pitch, length, plan.filters, db)
    at = 0
    for first in range(0, plan.channels, plan.block_channels):
        if not plan.direct:
            pack_channels(x, x_at, plan, places, images, first, row, rows, buffer)
        at = dot_blocks(
            source,
            x_at if plan.direct else 0,
            x_step,
            gradient,
            dy_at,
            dy_step,
            plan,
            offsets,
            length,
            images,
            sums,
            at,
        )


@part
def pack_channels(
    x: Array, x_at: int, plan: Any, places: Index, images: int, first: int, row: int, rows: int, buffer: Array
) -> None:
    """A block of channels of a run of images, from channel `first` on."""
    area = plan.source_height * plan.source_width
    for i in range(images):
        for c in range(min(plan.block_channels, plan.channels - first)):
            start = x_at + (i * plan.groups * plan.channels + first + c) * area
            target = (i * plan.block_channels + c) * plan.channel_pitch
            pack_channel(x, start, plan, places, row, rows, buffer, target)


@part
def pack_dy(dy: Array, at: int, plan: Any, images: int, row: int, rows: int, buffer: Array) -> None:
    """A band of dy in rows of the plan's pitch, zeros between them, and zeros for filters that fill up a block."""
    width, area = plan.output_width, plan.output_height * plan.output_width
    for i in range(images):
        to = plan.x_size + i * plan.row_blocks * plan.rows * plan.dy_pitch
        clear(buffer, to, plan.row_blocks * plan.rows * plan.dy_pitch)
        for k in range(plan.filters):
            start = at + (i * plan.groups * plan.filters + k) * area + row * width
            copy_rows(dy, start, width, 1, buffer, to + k * plan.dy_pitch, plan.pitch, rows, width)


@part
def add_rows(dy: Array, at: int, pitch: int, length: int, filters: int, db: Array) -> None:
    """Add the sum of each row to db."""
    for k in range(filters):
        row = dy[at + k * pitch : at + k * pitch + length]
        total = dy.dtype.type(0)
        for q in range(length):
            total += row[q]
        db[k] += total


@part
def dot_blocks(
    x: Array, x_at: int, x_step: int, dy: Array, dy_at: int, dy_step: int, plan: Any, offsets: Index, length: int,
    images: int, sums: Array, at: int,
) -> int:  # fmt: skip
    """All blocks of taps and filters of one block of channels; a tap's x stays in the first-level cache meanwhile.

    Returns the place of the next block's sums.
    """
    taps = _SINGLE_TAPS if plan.rows == 1 else _FULL_TAPS
    for t in range(plan.tap_blocks):
        for k in range(plan.row_blocks):
            row = dy_at + k * plan.rows * plan.dy_pitch
            dot_tile(
                plan.rows, dy, row, plan.dy_pitch, dy_step, x, x_at, x_step, offsets, t * taps, length, images, sums, at
            )  # fmt: skip
            at += plan.rows * taps
    return at


@kernel
def collect(
    task: int, tasks: int, thread: int, sums: Array, order: Index, biases: Array, dw: Array, db: Array, traces: Array
) -> None:
    """A part of dw and of db: the sum over shares, in their order, of each weight's place, and of each bias.

    traces (threads,) become NaN where a sum is not finite: a gap's zeros times infinity are NaN, too.
    """
    zero = dw.dtype.type(0)
    for i in range(dw.size * task // tasks, dw.size * (task + 1) // tasks):
        total = sums[0, order[i]]
        for share in range(1, sums.shape[0]):
            total += sums[share, order[i]]
        dw[i] = total
        traces[thread] += total * zero
    for k in range(db.size * task // tasks, db.size * (task + 1) // tasks):
        bias = biases[0, k]
        for share in range(1, biases.shape[0]):
            bias += biases[share, k]
        db[k] = bias
