"""The weight gradient in numbers: how dy and x are cut so that long dot products run in the first-level cache.

Choices made here, from sizes alone:
- length    a band of dy, all filters, stays in half of the second-level cache; six rows of x in the first-level cache
- images    bands of several small images are summed in one go: adding up the lanes of a block costs as much as
            4 vectors
- channels  of x are packed a few at a time, just before they are used
- shares    threads sum images of their own where groups are fewer than threads, else groups of their own
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis
from convbench_backends.numba_cpu.convolution.flat.plan import Cut, odd_lines, pitch_of, places_of, tap_offsets
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_FILTERS, DOT_TILES
from convbench_backends.numba_cpu.geometry import ConvShape, Index

_ROW_BYTES = 5 * 1024
"""A row of x: six of them and four of dy are in use, which a first-level cache of 48 KB, or just so 32 KB, holds."""
_DY_BYTES = 512 * 1024
"""dy of one band: half of a second-level cache of 1 MB."""
_VECTORS = 48
"""Vectors of a dot product, by which adding up the lanes costs less than a tenth."""
_TAPS = 24
"""Taps of the channels packed at a time: few of the blocks at their end are part empty."""


@dataclass(frozen=True, slots=True)
class DotPlan:
    """What the kernel of weight_gradient.py looks up; lengths and places count elements.

    tables: the numbers as a record, places as in plan.Plan, offsets of the taps of a block of channels.
    """

    batch: int
    groups: int
    channels: int
    filters: int
    source_height: int
    source_width: int
    row_step: int
    column_step: int
    row_planes: int
    column_planes: int
    direct: bool
    output_height: int
    output_width: int
    bands: int
    pitch: int
    lead: int
    reach: int
    plane_pitch: int
    channel_pitch: int
    block_channels: int
    images: int
    x_size: int
    dy_pitch: int
    rows: int
    row_blocks: int
    taps: int
    tap_blocks: int
    shares: int
    work_size: int
    places: Index
    offsets: Index

    @property
    def tables(self) -> tuple[NDArray[Any], Index, Index]:
        """What the kernel takes: the numbers as a record, places, offsets."""
        names = [field.name for field in fields(self)][:-2]
        record = np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])
        return record, self.places, self.offsets

    @property
    def share_size(self) -> int:
        """Sums of one share: groups, blocks of channels, blocks of taps, blocks of filters, block."""
        blocks = -(-self.channels // self.block_channels) * self.tap_blocks * self.row_blocks
        return self.groups * blocks * self.rows * DOT_TILES[self.rows]


def make_dot_plan(shape: ConvShape, *, itemsize: int, threads: int) -> DotPlan:
    """The plan of the weight gradient of a convolution."""
    vertical, horizontal = forward_axis(shape.vertical), forward_axis(shape.horizontal)
    lanes, channels, filters = lanes_of(itemsize), shape.group_inputs, shape.group_outputs
    pitch, lead = pitch_of(horizontal)
    rows = DOT_FILTERS if filters > 1 else 1
    row_blocks = -(-filters // rows)
    direct = vertical.is_identity and horizontal.is_identity and filters % rows == 0
    shares = 1 if shape.groups >= threads else threads
    bands = _bands(vertical, pitch * itemsize, row_blocks * rows, 1 if shape.batch >= shares else shares)
    band_rows = -(-vertical.grid // bands)
    window = shape.vertical.kernel * shape.horizontal.kernel
    block_channels = channels if direct else min(channels, -(-_TAPS // window))
    planes = len(vertical.firsts) * len(horizontal.firsts)
    plane_pitch = odd_lines((band_rows + vertical.reach) * pitch + lead, lanes)
    dy_pitch = odd_lines(band_rows * pitch, lanes)
    if direct:
        plane_pitch = dy_pitch = vertical.grid * pitch
    channel_pitch = planes * plane_pitch
    fitting = 2 * _DY_BYTES // (row_blocks * rows * dy_pitch * itemsize)
    wanted = min(_VECTORS * lanes // (band_rows * pitch), -(-shape.batch // shares), fitting)
    images = max(1, wanted) if bands == 1 else 1
    offsets = tap_offsets((vertical, horizontal), (0, 0), block_channels, Cut(pitch, plane_pitch))
    taps = len(offsets)
    tap_blocks = -(-taps // DOT_TILES[rows])
    x_size = 0 if direct else images * block_channels * channel_pitch + lanes
    filled = tap_blocks * DOT_TILES[rows] - taps
    return DotPlan(
        batch=shape.batch,
        groups=shape.groups,
        channels=channels,
        filters=filters,
        source_height=vertical.source_size,
        source_width=horizontal.source_size,
        row_step=vertical.source_step,
        column_step=horizontal.source_step,
        row_planes=len(vertical.firsts),
        column_planes=len(horizontal.firsts),
        direct=direct,
        output_height=vertical.grid,
        output_width=horizontal.grid,
        bands=bands,
        pitch=pitch,
        lead=lead,
        reach=vertical.reach,
        plane_pitch=plane_pitch,
        channel_pitch=channel_pitch,
        block_channels=block_channels,
        images=images,
        x_size=x_size,
        dy_pitch=dy_pitch,
        rows=rows,
        row_blocks=row_blocks,
        taps=taps,
        tap_blocks=tap_blocks,
        shares=shares,
        work_size=x_size + (0 if direct else images * row_blocks * rows * dy_pitch) + lanes,
        places=np.concatenate([places_of(vertical, 1 << 62), places_of(horizontal, pitch)]),
        offsets=np.concatenate([offsets, np.zeros(filled, np.int64)]),
    )


def _bands(axis: FlatAxis, row_bytes: int, rows: int, least: int) -> int:
    longest = max(1, min(_ROW_BYTES, max(_ROW_BYTES // 2, _DY_BYTES // rows)) // row_bytes)
    return min(axis.grid, max(least, -(-axis.grid // longest)))


def order_of_sums(shape: ConvShape, plan: DotPlan) -> Index:
    """Place of the sum of each weight (K, C / groups, R, S) within a share, flat.

    It is as large as w, so it is no part of a plan: a cost model makes plans of convolutions that are computed
    otherwise.
    """
    filters, channels, window = shape.group_outputs, shape.group_inputs, shape.vertical.kernel * shape.horizontal.kernel
    width, blocks = DOT_TILES[plan.rows], -(-channels // plan.block_channels)
    g, k, c, t = np.ogrid[: shape.groups, :filters, :channels, :window]
    tap = c % plan.block_channels * window + t
    block = (g * blocks + c // plan.block_channels) * plan.tap_blocks + tap // width
    place: Index = ((block * plan.row_blocks + k // plan.rows) * plan.rows + k % plan.rows) * width + tap % width
    return place.ravel()
