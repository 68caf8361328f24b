"""What Winograd's tiles cost, in multiply-adds of vectors on the slowest thread; see docs/kernels.md."""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS, TILE
from convbench_backends.numba_cpu.geometry import ConvShape

CALL = 57_000
"""Two parallel loops and what Python does around them: 16 us."""
MULTIPLY_ADD = 1.1
"""One of a product: they are of fewer channels at a time than elsewhere."""
TRANSFORM = 118
"""A vector of tiles of a channel or a filter, transformed."""
WEIGHT = 39
"""A kernel of 3 x 3, transformed."""
DW_CALL, DW_MULTIPLY_ADD, DW_TRANSFORM, DW_WEIGHT = 30_000, 1.22, 95, 68
"""The same for dw."""


def forward_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of y."""
    return _cost(shape, shape.y[2:], (shape.in_channels, shape.out_channels), itemsize, threads)


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx."""
    return _cost(shape, shape.x[2:], (shape.out_channels, shape.in_channels), itemsize, threads)


def weight_gradients_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dw."""
    channels, filters, vectors = shape.in_channels, shape.out_channels, _vectors(shape.batch, shape.y[2:], itemsize)
    products = PRODUCTS * channels * -(-filters // FILTERS) * FILTERS * vectors
    cost = DW_MULTIPLY_ADD * products + DW_TRANSFORM * (channels + filters) * vectors + DW_WEIGHT * channels * filters
    return DW_CALL + cost / threads


def _cost(shape: ConvShape, size: tuple[int, ...], channels: tuple[int, int], itemsize: int, threads: int) -> float:
    source, target = channels
    vectors = _vectors(shape.batch, size, itemsize)
    products = PRODUCTS * source * -(-target // FILTERS) * FILTERS * vectors
    cost = MULTIPLY_ADD * products + TRANSFORM * (source + target) * vectors + WEIGHT * source * target
    return CALL + cost / threads


def _vectors(batch: int, size: tuple[int, ...], itemsize: int) -> int:
    """Vectors of tiles of a channel."""
    return -(-batch * -(-size[0] // TILE) * -(-size[1] // TILE) // lanes_of(itemsize))
