"""A Winograd convolution in numbers: which tiles a task takes, and how its buffers are cut.

Choices made here, from sizes alone:
- tiles     a task takes tile rows of one image, or several small images, until it has six vectors of tiles: with fewer,
            a rest of one vector would cost too much
- group     blocks of filters whose sums are kept at a time: a quarter of a second-level cache of 1 MB
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import odd_lines
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import ConvShape, Index
from convbench_specs import Axis

TILE = 2
"""Outputs of a tile along an axis; the tile reads TILE + 2 inputs."""
PRODUCTS = 16
"""Products of a tile and filter: (TILE + 2) squared."""
_LEAST_CHANNELS = 16
"""Channels, and filters, at least."""
_LEAST_PLACES = 32
"""Places of which a weight's gradient is the sum, at least."""
_MOST_COVERED = 1.4
"""Outputs that the tiles compute, for each one that there is, at most."""
_VECTORS = 6
"""Vectors of tiles that a task should have: two whole blocks of the matrix product."""
_SUMS_BYTES = 256 * 1024
"""Sums of a group of filters, written by the product and read once by the transform of the output."""
_KEPT_BYTES = 512 * 1024
"""Products of a weight gradient up to this size stay in a second-level cache of 1 MB."""
_FEW_TILES, _MANY_TILES = 48, 192
"""Tiles that a weight gradient sums at a time where its products stay in the cache, and where they stream by."""


@dataclass(frozen=True, slots=True)
class WinogradPlan:
    """What the kernels of forward.py look up; lengths and places count elements."""

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
    v_step: int
    m_step: int
    m_at: int
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


def why_no_winograd(shape: ConvShape) -> str:
    """What keeps a convolution from Winograd's tiles; "" where nothing does.

    A sum of few terms is rounded less than a tile's: with 11 channels and one filter dx was seen at 1.6 times the
    bound. The same holds for dw, which sums over places: of a picture of 4 x 4 it was seen at 1.2 times the bound, and
    where a tap only ever reads padding dw must be exactly 0. These limits are for digits, whatever the time would be:
    cost.py says what a tile saves and what its transforms take.
    """
    axes = shape.vertical, shape.horizontal
    if any((axis.kernel, axis.stride, axis.dilation) != (3, 1, 1) for axis in axes):
        return "its tiles are for 3 x 3 at stride and dilation 1"
    if shape.groups > 1:
        return "its tiles know no groups"
    if min(shape.in_channels, shape.out_channels) < _LEAST_CHANNELS:
        return f"sums over fewer than {_LEAST_CHANNELS} channels or filters lose digits in its tiles"
    if shape.batch * prod(map(_fewest_places, axes)) < _LEAST_PLACES:
        return f"a weight's gradient is a sum over fewer than {_LEAST_PLACES} places, and loses digits in its tiles"
    covered = [TILE * -(-axis.output // TILE) / axis.output for axis in axes]
    return "" if covered[0] * covered[1] <= _MOST_COVERED else "its outputs fill too little of their tiles"


def _fewest_places(axis: Axis) -> int:
    """The number of windows in which the tap that lies on padding most often reads the input."""
    places = [min(axis.output, axis.size + axis.before - tap) - max(0, axis.before - tap) for tap in range(axis.kernel)]
    return max(0, min(places))


def make_winograd_plan(
    source: tuple[Axis, Axis], *, batch: int, channels: int, filters: int, itemsize: int, threads: int
) -> WinogradPlan:
    """The plan of a 3 x 3 convolution along two axes, from `channels` to `filters`."""
    vertical, horizontal = source
    lanes = lanes_of(itemsize)
    rows, columns = (-(-axis.output // TILE) for axis in source)
    wanted = _VECTORS * lanes
    bands = min(rows, max(-(-rows // -(-wanted // columns)), threads if batch < threads else 1))
    images = max(1, min(-(-wanted // (rows * columns)), batch // threads)) if bands == 1 else 1
    tile_pitch = odd_lines(images * -(-rows // bands) * columns, lanes)
    blocks = -(-filters // FILTERS)
    group = max(1, min(blocks, _SUMS_BYTES // (PRODUCTS * FILTERS * tile_pitch * itemsize)))
    v_step, m_step = odd_lines(channels * tile_pitch, lanes), odd_lines(group * FILTERS * tile_pitch, lanes)
    m_at = PRODUCTS * v_step + lanes
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
        v_step=v_step,
        m_step=m_step,
        m_at=m_at,
        work_size=m_at + PRODUCTS * m_step + lanes,
        offsets=np.arange(channels) * tile_pitch,
    )


@dataclass(frozen=True, slots=True)
class WinogradGradientPlan:
    """What the kernels of weight_gradient.py look up; lengths and places count elements."""

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
    channel_vectors: int
    blocks: int
    row_pitch: int
    v_at: int
    v_step: int
    d_at: int
    d_step: int
    m_step: int
    work_size: int

    @property
    def table(self) -> NDArray[Any]:
        """What a kernel takes: the numbers as a record."""
        names = [field.name for field in fields(self)]
        return np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])


def make_gradient_plan(shape: ConvShape, *, itemsize: int, threads: int) -> WinogradGradientPlan:
    """The plan of the weight gradient of a 3 x 3 convolution."""
    vertical, horizontal = shape.vertical, shape.horizontal
    lanes = lanes_of(itemsize)
    rows, columns = (-(-axis.output // TILE) for axis in (vertical, horizontal))
    blocks, vectors = -(-shape.out_channels // FILTERS), -(-shape.in_channels // lanes)
    m_step = blocks * FILTERS * vectors * lanes
    wanted = _FEW_TILES if PRODUCTS * m_step * itemsize <= _KEPT_BYTES else _MANY_TILES
    bands = min(rows, max(-(-rows // -(-wanted // columns)), threads if shape.batch < threads else 1))
    images = max(1, min(wanted // (rows * columns), shape.batch // threads)) if bands == 1 else 1
    band_rows = -(-rows // bands)
    tile_pitch = odd_lines(images * band_rows * columns, lanes)
    row_pitch = (2 * columns + 2) * vectors * lanes
    v_at = (2 * band_rows + 2) * row_pitch + lanes * vectors * lanes
    v_step = odd_lines(images * band_rows * columns * vectors * lanes, lanes)
    d_at, d_step = v_at + PRODUCTS * v_step, odd_lines(blocks * FILTERS * tile_pitch, lanes)
    return WinogradGradientPlan(
        batch=shape.batch,
        channels=shape.in_channels,
        filters=shape.out_channels,
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
        channel_vectors=vectors,
        blocks=blocks,
        row_pitch=row_pitch,
        v_at=v_at,
        v_step=v_step,
        d_at=d_at,
        d_step=d_step,
        m_step=m_step,
        work_size=d_at + PRODUCTS * d_step + lanes,
    )
