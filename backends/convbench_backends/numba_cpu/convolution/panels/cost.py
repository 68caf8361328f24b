"""What products of packed matrices cost, in multiply-adds of vectors on the slowest thread; see docs/kernels.md."""

from __future__ import annotations

from math import prod

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.panels.plan import (
    BLOCK,
    PACKED,
    PIECE,
    TURNED,
    TURNED_PIECE,
    ProductPlan,
    Source,
    Target,
    make_gradient_plan,
    make_product_plan,
    product_of_dy,
    product_of_x,
)
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS, PANEL
from convbench_backends.numba_cpu.geometry import ConvShape

CALL = 35_000
"""Two parallel loops and what Python does around them: 10 us."""
WEIGHT = 0.5
"""A weight that is brought into the order of its block, with others in vectors."""
WEIGHT_TURNED = 1.5
"""The same for dx."""
TILE = 120
"""A tile of dw that is read and written."""
WRITTEN = 3
"""A vector of the result."""


def forward_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of y."""
    weights = WEIGHT * prod(shape.w)
    return _cost(product_of_x(shape), weights, prod(shape.y), itemsize, threads)


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx."""
    weights = WEIGHT_TURNED * prod(shape.w)
    return _cost(product_of_dy(shape), weights, prod(shape.x), itemsize, threads)


def _cost(product: tuple[Source, Target], weights: float, written: int, itemsize: int, threads: int) -> float:
    """Of a product whose weights cost so much to pack, and whose result has `written` numbers."""
    source, target = product
    plan, lanes = make_product_plan(source, target, itemsize=itemsize, threads=threads), lanes_of(itemsize)
    depth = source.channels * source.window
    cost = _multiplied(plan, source.places, depth, itemsize, threads)
    cost += _packed(plan, source.places, depth, itemsize, threads) * (PACKED + PIECE * source.pieces(lanes))
    return CALL + cost + (weights + WRITTEN * written / lanes) / threads


def weight_gradients_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dw."""
    source = Source.of_x(shape)
    plan = make_gradient_plan(source, shape.out_channels, itemsize=itemsize, threads=threads)
    cost = _multiplied(plan, shape.patch, source.places, itemsize, threads)
    cost += _packed(plan, shape.patch, source.places, itemsize, threads) * (
        TURNED + TURNED_PIECE * source.pieces(lanes_of(itemsize))
    )
    wide, high, turns = _largest_part(plan, threads)
    bands = -(-wide // plan.band)
    return CALL + cost + turns * high * (BLOCK * bands * source.places + TILE * plan.chunks * wide)


def _multiplied(plan: ProductPlan, length: int, depth: int, itemsize: int, threads: int) -> float:
    wide, high, turns = _largest_part(plan, threads)
    return turns * _vectors(wide, length, itemsize) * depth * high * FILTERS


def _packed(plan: ProductPlan, length: int, depth: int, itemsize: int, threads: int) -> float:
    wide, _, turns = _largest_part(plan, threads)
    return turns * _vectors(wide, length, itemsize) * depth


def _largest_part(plan: ProductPlan, threads: int) -> tuple[int, int, int]:
    """(panels, blocks) of the largest part, and how many parts a thread has."""
    wide, high = -(-plan.panels // plan.panel_parts), -(-plan.blocks // plan.block_parts)
    return wide, high, -(-plan.tasks // threads)


def _vectors(panels: int, length: int, itemsize: int) -> int:
    return min(panels * PANEL, -(-length // lanes_of(itemsize)))
