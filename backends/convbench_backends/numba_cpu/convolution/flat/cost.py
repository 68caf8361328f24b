"""What the flat layout costs, in multiply-adds of vectors on the slowest thread; see docs/kernels.md.

The weights of the terms are fitted to measured times (tests/benchmarks/formulations.py says how well they choose).
"""

from __future__ import annotations

from math import prod

from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.flat.dot_plan import make_dot_plan
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.convolution.flat.plan import UNPACKED, block_widths, make_plan
from convbench_backends.numba_cpu.convolution.register_tiles import DOT_FILTERS, DOT_TILES, FILTERS
from convbench_backends.numba_cpu.geometry import ConvShape

CALL = 30_000
"""Two parallel loops and what Python does around them: 8 us."""
PACKED = 12
"""A vector of a row that is copied with its padding."""
SCATTERED = 4
"""How many times that is where places lie apart."""
ORDERED, WOVEN = 3, 2.2
"""A weight that is brought into the order of its block, one by one, or with others in vectors."""
TILE = 70
"""A tile that is begun and written."""
TOTAL = 40
"""A block of dot products whose lanes are added up."""
COLLECTED = 20
"""A number of dw that is looked for and added up over the threads."""


def forward_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of y by implicit GEMM."""
    axes = forward_axis(shape.vertical), forward_axis(shape.horizontal)
    woven = shape.groups == 1 and shape.out_channels >= FILTERS
    weights = (WOVEN if woven else ORDERED) * prod(shape.w) / threads
    return CALL + weights + _cost(axes, shape, (shape.group_inputs, shape.group_outputs), itemsize, threads)


def gradient_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dx by implicit GEMM."""
    axes = gradient_axis(shape.vertical), gradient_axis(shape.horizontal)
    weights = ORDERED * prod(shape.w) / threads
    return CALL + weights + _cost(axes, shape, (shape.group_outputs, shape.group_inputs), itemsize, threads)


def _cost(
    axes: tuple[FlatAxis, FlatAxis], shape: ConvShape, channels: tuple[int, int], itemsize: int, threads: int
) -> float:
    sources, filters = channels
    plan = make_plan(
        axes, batch=shape.batch, groups=shape.groups, channels=sources, filters=filters, itemsize=itemsize,
        threads=threads,
    )  # fmt: skip
    lanes, phases = lanes_of(itemsize), len(plan.phases)
    turns, rows = -(-shape.batch * shape.groups * plan.bands // threads), -(-plan.grid_height // plan.bands)
    row = -(-plan.grid_width // lanes)
    vectors = rows * row if plan.by_rows else -(-((rows - 1) * plan.pitch + plan.grid_width) // lanes)
    cost = float(vectors * plan.phases[:, 7].sum() * sum(block_widths(filters)))
    cost += TILE * phases * plan.blocks * -(-vectors // 3)
    if not plan.direct:
        planes = sources * plan.row_planes * plan.column_planes
        cost += PACKED * planes * (rows + plan.reach) * -(-plan.pitch // lanes)
        apart = SCATTERED if plan.target_column_step > 1 else 1
        cost += UNPACKED * phases * (filters % FILTERS if plan.by_rows else filters) * rows * row * apart
    return turns * cost


def weight_gradients_cost(shape: ConvShape, itemsize: int, threads: int) -> float:
    """Of dw by dot products."""
    plan, lanes = make_dot_plan(shape, itemsize=itemsize, threads=threads), lanes_of(itemsize)
    units = -(-shape.batch * plan.bands // plan.shares)
    rows = -(-plan.output_height // plan.bands)
    vectors = -(-((rows - 1) * plan.pitch + plan.output_width) // lanes)
    blocks = -(-plan.channels // plan.block_channels) * plan.tap_blocks * plan.row_blocks
    turns = -(-plan.shares * plan.groups // threads)
    cost = float(units * vectors * blocks * plan.rows * DOT_TILES[plan.rows])
    cost += TOTAL * -(-units // plan.images) * blocks * plan.rows / DOT_FILTERS
    cost += 3 * units * plan.filters * vectors
    if not plan.direct:
        planes = plan.channels * plan.row_planes * plan.column_planes
        pitch = -(-plan.pitch // lanes)
        cost += 0.7 * PACKED * units * (planes * (rows + plan.reach) + plan.filters * rows) * pitch
    return 1.5 * CALL + turns * cost + COLLECTED * prod(shape.w) * plan.shares / threads
