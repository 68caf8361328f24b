"""A flat convolution in numbers: pitches, offsets of taps, order of weights; everything that its kernel looks up.

Choices made here, from sizes alone:
- pitch     as short as padding allows: a row's right padding is the next row's left padding
- bands     rows of the grid that a task computes: their input should stay in half of a core's second-level cache, which
            is 1 MB or more on the machines this was written for; every thread gets the same number of tasks where rows
            permit
- blocks    filters in blocks of register_tiles.FILTERS; the rest in the narrowest block that holds it
- direct    a 1 x 1 convolution reads x and writes y in place where a band has at least one vector
- by rows   sums go straight into rows of y where vectors that are part empty cost no more than to copy sums out of gaps
- streams   a large y goes past the caches, which would first read what is then written over
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS, TILES
from convbench_backends.numba_cpu.geometry import Index

BAND_BYTES = 384 * 1024
"""Input of one band: with the weights of a block and the sums, about half of a second-level cache of 1 MB."""


UNPACKED = 7.5
"""What it costs to copy a vector of sums to its place, in multiply-adds of vectors."""
STREAMED_BYTES = 16 << 20
"""A target from this size on, and what it is made from, stay in no cache of 32 MB until it is read again."""


class Cut(NamedTuple):
    """Distances within a packed channel: between rows, and between planes."""

    pitch: int
    plane_pitch: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What the kernel of implicit_gemm looks up; lengths and places count elements.

    places: (planes, 3), those of rows, then those of columns: first source place, and the places of a plane that lie on
        the source, from and to.
    phases: (phases, 9) row low, row high, row first, the same for columns, first tap, number of taps, first weight
        of a convolution of one group.
    """

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
    by_rows: bool
    streams: bool
    grid_height: int
    grid_width: int
    bands: int
    pitch: int
    lead: int
    reach: int
    plane_pitch: int
    channel_pitch: int
    sums_at: int
    sums_pitch: int
    work_size: int
    target_height: int
    target_width: int
    target_row_step: int
    target_column_step: int
    blocks: int
    last_block: int
    weights_gap: int
    places: Index
    phases: Index
    offsets: Index

    @property
    def tables(self) -> tuple[NDArray[Any], Index, Index, Index]:
        """What a kernel takes: the numbers as a record, places, phases, offsets."""
        names = [field.name for field in fields(self)][:-3]
        record = np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])
        return record, self.places, self.phases, self.offsets


def block_widths(filters: int) -> list[int]:
    """Widths of the blocks that `filters` filters are computed in."""
    full, rest = divmod(filters, FILTERS)
    return [FILTERS] * full + ([1 << (rest - 1).bit_length()] if rest else [])


def make_plan(
    axes: tuple[FlatAxis, FlatAxis],
    *,
    batch: int,
    groups: int,
    channels: int,
    filters: int,
    itemsize: int,
    threads: int,
    woven: bool = False,
) -> Plan:
    """The plan of a convolution of `channels` source channels a group to `filters` target channels a group.

    `woven` leaves gaps between blocks of weights, into which a transpose may write.
    """
    vertical, horizontal = axes
    lanes = lanes_of(itemsize)
    slack = lanes  # a sweep may write, and read, up to a vector behind the last output
    pitch, lead = pitch_of(horizontal)
    planes = len(vertical.firsts) * len(horizontal.firsts)
    bands = _bands(vertical, (channels * planes + FILTERS) * pitch * itemsize, batch * groups, threads)
    band_rows = -(-vertical.grid // bands)
    plane_pitch = odd_lines((band_rows + vertical.reach) * pitch + lead, lanes)
    channel_pitch = planes * plane_pitch
    direct = vertical.is_identity and horizontal.is_identity and (vertical.grid // bands) * pitch >= lanes
    if direct:
        channel_pitch = plane_pitch = vertical.grid * pitch
    sums_at = 0 if direct else channels * channel_pitch + slack
    sums_pitch = odd_lines(band_rows * pitch + slack, lanes)
    phases, offsets = _phases(axes, channels, filters, Cut(pitch, plane_pitch))
    widths = block_widths(filters)
    target_bytes = batch * groups * filters * vertical.target_size * horizontal.target_size * itemsize
    return Plan(
        groups=groups,
        channels=channels,
        filters=filters,
        source_height=vertical.source_size,
        source_width=horizontal.source_size,
        row_step=vertical.source_step,
        column_step=horizontal.source_step,
        row_planes=len(vertical.firsts),
        column_planes=len(horizontal.firsts),
        places=np.concatenate([places_of(vertical, 1 << 62), places_of(horizontal, pitch)]),
        direct=direct,
        by_rows=not direct and _is_by_rows(axes, pitch, phases, lanes),
        streams=target_bytes >= STREAMED_BYTES,
        grid_height=vertical.grid,
        grid_width=horizontal.grid,
        bands=bands,
        pitch=pitch,
        lead=lead,
        reach=vertical.reach,
        plane_pitch=plane_pitch,
        channel_pitch=channel_pitch,
        sums_at=sums_at,
        sums_pitch=sums_pitch,
        work_size=sums_at + FILTERS * sums_pitch + slack,
        target_height=vertical.target_size,
        target_width=horizontal.target_size,
        target_row_step=vertical.target_step,
        target_column_step=horizontal.target_step,
        phases=phases,
        offsets=offsets,
        blocks=len(widths),
        last_block=widths[-1],
        weights_gap=max(FILTERS, lanes) * lanes if woven else 0,
    )


def _is_by_rows(axes: tuple[FlatAxis, FlatAxis], pitch: int, phases: Index, lanes: int) -> bool:
    """Whether tiles write rows of the target in place: each row then ends in a vector that is part empty."""
    width = axes[1].grid
    is_whole = all(axis.target_step == 1 and axis.is_one_phase for axis in axes)
    if not is_whole or width < TILES[FILTERS][0] * lanes:
        return False
    vectors = -(-width // lanes)
    return bool(phases[0, 7] * (vectors - pitch / lanes) < UNPACKED * vectors)


def weight_order(axes: tuple[FlatAxis, FlatAxis], weights: Index) -> Index:
    """Order in which the kernel reads weights, as indices of w, -1 where a block has no filter.

    `weights` (groups, filters, channels, R, S) holds the index of each weight of the convolution that is computed: for
    the gradient of the input, source channels are the filters of w. Order: phase, group, block, tap, filter of block.
    """
    order: list[Index] = []
    for taps_h in (phase.taps for phase in axes[0].phases):
        for taps_w in (phase.taps for phase in axes[1].phases):
            chosen = weights[..., [t.tap for t in taps_h], :][..., [t.tap for t in taps_w]]
            for group in chosen.reshape(*chosen.shape[:2], -1):
                order += block_order(group)
    return np.concatenate(order)


def block_order(weights: Index) -> list[Index]:
    """The blocks of weights (filters, taps), each as tap by tap its filters, -1 where a block has none."""
    order, at = [], 0
    for width in block_widths(len(weights)):
        block = np.full((weights.shape[1], width), -1)
        rows = weights[at : at + width]
        block[:, : len(rows)] = rows.T
        order.append(block.ravel())
        at += width
    return order


def pitch_of(axis: FlatAxis) -> tuple[int, int]:
    """Places between rows, and how many at the start of each row are padding in every plane."""
    longest = axis.grid + axis.reach
    inside = [axis.inside(plane, longest) for plane in range(len(axis.firsts))]
    lead = min(low for low, _ in inside)
    return max(axis.grid, longest - lead, *(high for _, high in inside)), lead


def _bands(axis: FlatAxis, row_bytes: int, images: int, threads: int) -> int:
    """Bands of an image: as many as the cache asks for, then more until the tasks fill whole rounds of threads."""
    fitting = max(1, BAND_BYTES // row_bytes - axis.reach)
    bands = -(-axis.grid // fitting)
    while bands < axis.grid and (images * bands) % threads and images * bands < 4 * threads:
        bands += 1
    return min(bands, axis.grid)


def odd_lines(length: int, lanes: int) -> int:
    """At least `length`, an odd number of vectors: rows a power of two apart would share few places of the cache."""
    return (-(-length // lanes) | 1) * lanes


def places_of(axis: FlatAxis, length: int) -> Index:
    """Rows of Plan.places for one axis."""
    rows = [(first, *axis.inside(plane, length)) for plane, first in enumerate(axis.firsts)]
    return np.array(rows, dtype=np.int64)


def tap_offsets(axes: tuple[FlatAxis, FlatAxis], phase: tuple[int, int], channels: int, cut: Cut) -> Index:
    """Offsets of the taps of a phase: channel, then tap row, then tap column."""
    vertical, horizontal = axes
    planes = len(horizontal.firsts)
    c = np.arange(channels, dtype=np.int64) * len(vertical.firsts) * planes * cut.plane_pitch
    r = [tap.plane * planes * cut.plane_pitch + tap.offset * cut.pitch for tap in vertical.phases[phase[0]].taps]
    s = [tap.plane * cut.plane_pitch + tap.offset for tap in horizontal.phases[phase[1]].taps]
    places: Index = c[:, None, None] + np.array(r, np.int64)[:, None] + np.array(s, np.int64)
    return places.ravel()


def _phases(axes: tuple[FlatAxis, FlatAxis], channels: int, filters: int, cut: Cut) -> tuple[Index, Index]:
    """The table of phases, and the offsets of all their taps."""
    phases, offsets, tap, weight = [], [], 0, 0
    for i, rows in enumerate(axes[0].phases):
        for j, columns in enumerate(axes[1].phases):
            offsets.append(tap_offsets(axes, (i, j), channels, cut))
            taps = offsets[-1].size
            place = (rows.low, rows.high, rows.first, columns.low, columns.high, columns.first)
            phases.append((*place, tap, taps, weight))
            tap += taps
            weight += taps * sum(block_widths(filters))
    return np.array(phases, dtype=np.int64), np.concatenate(offsets)
