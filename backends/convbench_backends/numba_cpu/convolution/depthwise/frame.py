"""A plane in a frame of zeros, in numbers: how it lies there, and in which tiles of sums its windows are computed.

    source, 3 x 5                 frame for windows of 5 x 5, padded by 2; a vector of 8 numbers

    a b c d e                     . . . . . . . . . . . .
    f g h i j                     . . . . . . . . . . . .
    k l m n o                     . . a b c d e . . . . .      row of a step of 1
                                  . . f g h i j . . . . .
                                  . . k l m n o . . . . .      a step of 2:  . a c e . .|. b d . . .
                                  . . . . . . . . . . . .
                                  . . . . . . . . . . . .      the even columns, then the odd ones

So each tap lies at one fixed distance from its output, a stride takes no shuffle, and nothing is masked but the ends of
rows where a plane is read and a result written. Each task holds two frames: a plane is copied while the one before it
is computed, as a vector that was written just before in other pieces is read with a delay.

A tile is some rows of outputs by one or more vectors, all of whose sums stay in registers over the taps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.vector import REGISTERS, lanes_of
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Axis

TALLEST = 11
"""Rows of the tallest filters: the products of a tile with a column of taps are written out one by one."""
_STRIDES = (1, 2)
_ROWS = 8
"""Rows of a tile at most."""
_CHAINS = 4
"""Sums that are added to in turn, at least: a multiply-add takes as many cycles."""
_SHORTEST = 2
"""Numbers of a vector that has no halves."""
_BEGUN = 1.5
"""Rows that could be computed in the time that it takes to begin a tile and to end it."""


def why_not_framed(shape: ConvShape) -> str:
    """What keeps a convolution from these kernels; "" where nothing does."""
    axes = shape.vertical, shape.horizontal
    if not shape.groups == shape.in_channels == shape.out_channels:
        return "one filter a channel"
    if any(axis.stride not in _STRIDES or axis.dilation > 1 for axis in axes):
        return "stride 1 or 2 on each axis, dilation 1"
    return "" if shape.vertical.kernel <= TALLEST else f"filters of at most {TALLEST} rows"


@dataclass(frozen=True, slots=True)
class Tile:
    """What a kernel is compiled for: filters of `down` rows, strides, and a tile of `rows` by `vectors`.

    `halves` is 1 where vectors of half the width hold a row: on some processors two of them take as long as a whole
    one, and on none longer.
    """

    down: int
    stride: int
    step: int
    rows: int
    vectors: int
    halves: int

    def lanes(self, itemsize: int) -> int:
        """Numbers of a vector."""
        return lanes_of(itemsize) // (1 + self.halves)


@dataclass(frozen=True, slots=True)
class Frame:
    """Numbers that a kernel looks up; lengths and places count elements.

    first, rows, columns: which part of a source plane is copied; target: its place in the frame, odd_target: that of
    the second column. Rows of the frame are `pitch` apart, and the columns of each residue by the step `part`. across:
    columns of the filters; grid: windows; top, left: where in the first step of a stride dx begins.
    """

    source_width: int
    source_area: int
    first: int
    rows: int
    columns: int
    target: int
    odd_target: int
    pitch: int
    part: int
    size: int
    across: int
    grid_rows: int
    grid_columns: int
    top: int
    left: int

    @property
    def table(self) -> NDArray[Any]:
        """The numbers as a record."""
        names = [field.name for field in fields(self)]
        return np.array([tuple(getattr(self, name) for name in names)], dtype=[(name, np.int64) for name in names])


@dataclass(frozen=True, slots=True)
class FramedAxis:
    """Windows along an axis of a source: `grid` of them, `step` apart, of `taps`, from `before` the source on.

    `within` is where in the first step of a stride the target of a gradient begins.
    """

    size: int
    before: int
    grid: int
    step: int
    taps: int
    within: int = 0

    @classmethod
    def forward(cls, axis: Axis) -> FramedAxis:
        """Of x, for y and dw."""
        return cls(axis.size, axis.before, axis.output, axis.stride, axis.kernel)

    @classmethod
    def gradient(cls, axis: Axis) -> FramedAxis:
        """Of dy, for dx: a window is the taps of one phase of the stride, and the grid is of steps of the stride."""
        first, within = divmod(axis.before, axis.stride)
        taps, steps = -(-axis.kernel // axis.stride), (axis.size - 1 + axis.before) // axis.stride - first + 1
        return cls(axis.output, taps - 1 - first, steps, 1, taps, within)

    @property
    def first(self) -> int:
        """The first place of the source that a frame holds."""
        return max(0, -self.before)

    @property
    def target(self) -> int:
        """Where it lies in the frame."""
        return self.first + self.before

    def count(self, windows: int) -> int:
        """How many places of the source so many windows reach."""
        return max(0, min(self.size - self.first, (windows - 1) * self.step + self.taps - self.target))


def forward_axes(shape: ConvShape) -> tuple[FramedAxis, FramedAxis]:
    """Of y and dw, vertical and horizontal."""
    return FramedAxis.forward(shape.vertical), FramedAxis.forward(shape.horizontal)


def gradient_axes(shape: ConvShape) -> tuple[FramedAxis, FramedAxis]:
    """Of dx."""
    return FramedAxis.gradient(shape.vertical), FramedAxis.gradient(shape.horizontal)


def forward_tile(shape: ConvShape, itemsize: int) -> Tile:
    """Tiles of y; those of dw are the same."""
    most = min(_ROWS, REGISTERS - 2 - shape.vertical.kernel)
    return _tile(shape, forward_axes(shape), most, 1, itemsize)


def gradient_tile(shape: ConvShape, itemsize: int) -> Tile:
    """Tiles of dx, in rows and columns of steps of the stride."""
    phases = shape.vertical.stride * shape.horizontal.stride
    return _tile(shape, gradient_axes(shape), min(_ROWS, REGISTERS // 2 // phases), phases, itemsize)


def _tile(shape: ConvShape, axes: tuple[FramedAxis, FramedAxis], most: int, phases: int, itemsize: int) -> Tile:
    """`phases` sums for each place of the grid, `most` rows."""
    down, across = (axis.grid for axis in axes)
    rows = min(range(most, 0, -1), key=lambda count: -(-down // count) * (count + _BEGUN))
    lanes = lanes_of(itemsize)
    halves = int(2 * across <= lanes and lanes > _SHORTEST)
    vectors = min(-(-_CHAINS // (rows * phases)), max(1, across // lanes))
    return Tile(shape.vertical.kernel, shape.vertical.stride, shape.horizontal.stride, rows, vectors, halves)


def make_frame(axes: tuple[FramedAxis, FramedAxis], tile: Tile, across: int, itemsize: int) -> Frame:
    """The frame of forward_axes or gradient_axes; `across` are the columns of the filters."""
    vertical, horizontal = axes
    lanes, step = tile.lanes(itemsize), horizontal.step
    windows = -(-vertical.grid // tile.rows) * tile.rows
    columns, strips = horizontal.count(horizontal.grid), -(-horizontal.grid // (lanes * tile.vectors)) * tile.vectors
    reached = strips * lanes + (horizontal.taps - 1) // step
    copied = -(-horizontal.target // step) + -(-columns // (lanes * step)) * lanes
    part = max(reached, copied)
    pitch = part * step
    targets = [
        vertical.target * pitch + place % step * part + place // step
        for place in (horizontal.target, horizontal.target + 1)
    ]
    return Frame(
        source_width=horizontal.size,
        source_area=vertical.size * horizontal.size,
        first=vertical.first * horizontal.size + horizontal.first,
        rows=vertical.count(windows) if columns else 0,
        columns=columns,
        target=targets[0],
        odd_target=targets[1],
        pitch=pitch,
        part=part,
        size=((windows - 1) * vertical.step + vertical.taps) * pitch,
        across=across,
        grid_rows=vertical.grid,
        grid_columns=horizontal.grid,
        top=vertical.within,
        left=horizontal.within,
    )
