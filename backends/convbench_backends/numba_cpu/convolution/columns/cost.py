"""What dx by columns costs, in multiply-adds of vectors on the slowest thread; see docs/kernels.md."""

from __future__ import annotations

from math import prod

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.plan import block_widths
from convbench_backends.numba_cpu.geometry import ConvShape

CALL = 25_000
"""Two parallel loops and what Python does around them: 7 us."""
MULTIPLY_ADD = 1.07
"""One of a product."""
ADDED = 17
"""A vector of a column that is added at its place."""
ORDERED = 3
"""A weight that is brought into the order of its block."""


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx."""
    lanes, (height, width) = lanes_of(itemsize), shape.y[2:]
    turns = -(-shape.batch * shape.groups // threads)
    products = -(-height * width // lanes) * shape.group_outputs * sum(block_widths(shape.patch))
    added = shape.patch * height * -(-width // lanes)
    return CALL + turns * (MULTIPLY_ADD * products + ADDED * added) + ORDERED * prod(shape.w) / threads
