"""What a convolution over few places costs, in multiply-adds of vectors on the slowest thread; see docs/kernels.md."""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.few_places.kernels import places_of
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_FILTERS, FILTERS
from convbench_backends.numba_cpu.geometry import ConvShape

MULTIPLY_ADD = 1.2
"""One of a product: w comes from the last cache, or from memory, in the order in which it lies."""
CALL, COLUMN, TOTAL = 107_000, 4.8, 8.9
"""y: its loops (30 us), a number of a column that is taken, a dot product that is added up and written."""
DX_CALL, DX_COLUMN = 97_000, 1.8
"""dx: its loops, a number of a column that is added."""
DW_CALL, DW_COLUMN = 180_000, 2.5
"""dw: its loops, a number of a column that is taken."""


def forward_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of y."""
    places = places_of(shape)
    products = -(-places // DOT_FILTERS) * DOT_FILTERS * shape.out_channels * _vectors(shape, itemsize)
    cost = MULTIPLY_ADD * products + COLUMN * places * shape.patch + TOTAL * places * shape.out_channels
    return CALL + cost / threads


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx."""
    places = places_of(shape)
    products = -(-places // FILTERS) * FILTERS * shape.out_channels * _vectors(shape, itemsize)
    return DX_CALL + (MULTIPLY_ADD * products + DX_COLUMN * places * shape.patch) / threads


def weight_gradients_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dw."""
    places, blocks = places_of(shape), -(-shape.out_channels // FILTERS)
    products = blocks * FILTERS * places * _vectors(shape, itemsize)
    return DW_CALL + (MULTIPLY_ADD * products + DW_COLUMN * places * shape.patch) / threads


def _vectors(shape: ConvShape, itemsize: int) -> int:
    """Vectors of the weights of a filter."""
    return -(-shape.patch // lanes_of(itemsize))
