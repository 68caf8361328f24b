"""A Winograd convolution in numbers: which tiles a task takes, and how its buffers are cut.

Choices made here, from sizes alone:
- tiles     a task takes tile rows of one image, or several small images, until it has six vectors of tiles: with fewer,
            a rest of one vector would cost too much
- group     blocks of filters whose sums are kept at a time: a quarter of a second-level cache of 1 MB
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from convbench_specs import Axis
from numpy.typing import NDArray

from convbench_backends.numba_cpu.flat_plan import odd_lines
from convbench_backends.numba_cpu.geometry import ConvShape, Index
from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_backends.numba_cpu.vector import lanes_of

TILE = 2
"""Outputs of a tile along an axis; the tile reads TILE + 2 inputs."""
PRODUCTS = 16
"""Products of a tile and filter: (TILE + 2) squared."""
_VECTORS = 6
"""Vectors of tiles that a task should have: two whole blocks of the matrix product."""
_SUMS_BYTES = 256 * 1024
"""Sums of a group of filters, written by the product and read once by the transform of the output."""


@dataclass(frozen=True, slots=True)
class WinogradPlan:
    """What the kernels of winograd.py look up; lengths and places count elements."""

    batch: int
    channels: int
    filters: int
    source_height: int
    source_width: int
    top: int
    left: int
    target_height: int
    target_width: int
    tile_rows: int
    tile_columns: int
    images: int
    bands: int
    tile_pitch: int
    weight_pitch: int
    blocks: int
    group: int
    sums_at: int
    work_size: int
    offsets: Index

    @property
    def tasks(self) -> int:
        """Runs of images times bands."""
        return -(-self.batch // self.images) * self.bands

    @property
    def tables(self) -> tuple[NDArray[Any], Index]:
        """What a kernel takes: the numbers as a record, and the offsets of channels."""
        names = [field.name for field in fields(self)][:-1]
        record = np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])
        return record, self.offsets


def takes_winograd(shape: ConvShape) -> bool:
    """Whether a 3 x 3 convolution gains: stride and dilation 1, enough channels, outputs that fill their tiles.

    A tile saves 20 multiply-adds of 36 for each pair of channel and filter and pays about 50 instructions for each
    channel and filter alone; below 16 of each the direct convolution wins.
    """
    axes = shape.vertical, shape.horizontal
    covered = [TILE * -(-axis.output // TILE) / axis.output for axis in axes]
    return (
        all((axis.kernel, axis.stride, axis.dilation) == (3, 1, 1) for axis in axes)
        and shape.groups == 1
        and min(shape.in_channels, shape.out_channels) >= 16
        and covered[0] * covered[1] <= 1.4
    )


def make_winograd_plan(
    source: tuple[Axis, Axis], *, batch: int, channels: int, filters: int, itemsize: int, threads: int
) -> WinogradPlan:
    """The plan of a 3 x 3 convolution along two axes, from `channels` to `filters`."""
    vertical, horizontal = source
    lanes = lanes_of(itemsize)
    rows, columns = (-(-axis.output // TILE) for axis in source)
    wanted = _VECTORS * lanes
    bands = max(1, rows * columns // wanted, threads if batch < threads else 1)
    bands = min(bands, rows)
    images = max(1, min(-(-wanted // (rows * columns)), batch // threads)) if bands == 1 else 1
    tile_pitch = odd_lines(images * -(-rows // bands) * columns, lanes)
    blocks = -(-filters // FILTERS)
    group = max(1, min(blocks, _SUMS_BYTES // (PRODUCTS * FILTERS * tile_pitch * itemsize)))
    sums_at = PRODUCTS * channels * tile_pitch + lanes
    return WinogradPlan(
        batch=batch,
        channels=channels,
        filters=filters,
        source_height=vertical.size,
        source_width=horizontal.size,
        top=vertical.before,
        left=horizontal.before,
        target_height=vertical.output,
        target_width=horizontal.output,
        tile_rows=rows,
        tile_columns=columns,
        images=images,
        bands=bands,
        tile_pitch=tile_pitch,
        weight_pitch=odd_lines(channels * FILTERS, lanes),
        blocks=blocks,
        group=group,
        sums_at=sums_at,
        work_size=sums_at + PRODUCTS * group * FILTERS * tile_pitch + lanes,
        offsets=np.arange(channels) * tile_pitch,
    )
