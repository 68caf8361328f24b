"""What depthwise convolution costs, in multiply-adds of vectors on the slowest thread; see docs/kernels.md.

It takes less than every other formulation on any layer that was measured. Where planes are fewer than threads the
others, which divide a plane among threads, may take less.
"""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.depthwise.frame import (
    FramedAxis,
    Tile,
    forward_axes,
    forward_tile,
    gradient_axes,
    gradient_tile,
)
from convbench_backends.numba_cpu.convolution.depthwise.kernels import KERNEL, takes
from convbench_backends.numba_cpu.geometry import ConvShape

CALL = 20_000
"""A parallel loop and what Python does around it: 6 us."""
ROW, PAIR = 13, 28
"""3 x 3: a vector of a row, and of two rows at stride 2."""
GRADIENT = 1.3
"""How many times that is for dw."""
COPIED = 6.5
"""A vector of a row that is copied into its frame."""
PRODUCT = 0.86
"""A multiply-add of a tile, half of it where vectors are of half the width."""
TILE = 35
"""A tile that is begun and written."""
KEPT, TOTAL = 0.8, 2
"""A sum of dw that is read and written, and one whose lanes are added up."""


def forward_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of y."""
    if takes(shape):
        return _rows(shape, itemsize, threads)
    plane = _plane(forward_axes(shape), forward_tile(shape, itemsize), shape.patch, itemsize)
    return CALL + _turns(shape.batch * shape.out_channels, threads) * plane


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx."""
    if takes(shape):
        return _rows(shape, itemsize, threads)
    plane = _plane(gradient_axes(shape), gradient_tile(shape, itemsize), shape.patch, itemsize)
    return CALL + _turns(shape.batch * shape.out_channels, threads) * plane


def weight_gradients_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dw."""
    if takes(shape):
        return GRADIENT * _rows(shape, itemsize, threads)
    axes, tile = forward_axes(shape), forward_tile(shape, itemsize)
    plane = _plane(axes, tile, shape.patch, itemsize) + KEPT * _tiles(axes, tile, itemsize) * shape.patch
    return CALL + _turns(shape.out_channels, threads) * (shape.batch * plane + TOTAL * shape.patch)


def _rows(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Planes of 3 x 3."""
    strips, rows = -(-shape.horizontal.output // lanes_of(itemsize)), shape.vertical.output + KERNEL - 1
    step = ROW if shape.vertical.stride == 1 else PAIR
    return CALL + _turns(shape.batch * shape.out_channels, threads) * float(step * strips * rows)


def _turns(planes: int, threads: int) -> int:
    """Planes of the slowest thread."""
    return -(-planes // threads)


def _plane(axes: tuple[FramedAxis, FramedAxis], tile: Tile, taps: int, itemsize: int) -> float:
    """A plane: what is copied, and its tiles."""
    vertical, horizontal = axes
    copied = vertical.count(vertical.grid) * -(-horizontal.count(horizontal.grid) // tile.lanes(itemsize))
    product = PRODUCT / (1 + tile.halves)
    return COPIED * copied + _tiles(axes, tile, itemsize) * (TILE + product * tile.rows * tile.vectors * taps)


def _tiles(axes: tuple[FramedAxis, FramedAxis], tile: Tile, itemsize: int) -> int:
    down, across = (axis.grid for axis in axes)
    return -(-down // tile.rows) * -(-across // (tile.vectors * tile.lanes(itemsize)))
