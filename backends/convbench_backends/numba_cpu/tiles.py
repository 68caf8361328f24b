"""The two innermost loops of every convolution, held in vector registers.

multiply_tile: `filters` x `vectors` sums, a block of y              dot_tile: `rows` x 6 sums, a block of dw

              x[at + offset[t] ...]                                            x[at + offset[t] + q ...]
              +-----+-----+-----+                                              t0    t1          t5
    w[t, 0] * | sum | sum | sum |  -> y[0]                          dy[0, q]  | sum | sum | ... | sum |
    w[t, 1] * | sum | sum | sum |  -> y[1]                          dy[1, q]  | sum | sum | ... | sum |
      ...     |     |     |     |                                     ...     |     |     |     |     |
    w[t, 7] * | sum | sum | sum |  -> y[7]                          dy[3, q]  | sum | sum | ... | sum |
    for every tap t: 3 loads of x, 8 of w, 24 multiply-adds         for every vector q: 4 + 6 loads, 24 multiply-adds
                                                                    at the end each sum is added up over its lanes

Block sizes. A multiply-add takes 4 cycles and two start in each, so at least 8 sums must be under way; loads, two a
cycle, must stay below multiply-adds, so a block should be far from one row or one column. 8 x 3 and 4 x 6 are the
largest blocks that leave registers for operands where there are 32; with 16 registers the blocks are 4 x 3 and 2 x 6.
A rest of few filters takes a narrower and longer block.

Index arithmetic is the caller's: every argument `.._at` counts elements from the start of its array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba.core import types

from convbench_backends.numba_cpu.vector import REGISTERS, Lanes, Value, array_data, cgutils, intrinsic, number

FILTERS = 8 if REGISTERS == 32 else 4
"""Rows of a full block of multiply_tile; weights are packed in this width."""
TILES = {FILTERS: (3, 2, 1), FILTERS // 2: (6, 3, 1)} | {1 << n: (8, 3, 1) for n in range(REGISTERS // 16)}
"""Shapes of multiply_tile: vectors of a block, by rows; a block of 1 or 2 rows needs 8 for the loads it hides behind."""
LONGEST_TILE = 8
"""Vectors of the longest tile, by which a sweep may read and write beyond the last output."""
DOT_FILTERS = 4 if REGISTERS == 32 else 2
"""Rows of a full block of dot_tile."""
DOT_TILES = {DOT_FILTERS: 6, 1: 9}
"""Shapes of dot_tile: taps of a block, by rows; a single filter, as in depthwise convolution, takes a 3 x 3 kernel."""


@intrinsic
def multiply_tile(
    _typing: Any, filters: Any, vectors: Any, x: Any, x_at: Any, offsets: Any, o_at: Any, taps: Any, w: Any, w_at: Any,
    b: Any, b_at: Any, y: Any, y_at: Any, y_pitch: Any,
) -> Any:  # fmt: skip
    """y[k, q] = b[k] + sum over t of w[t, k] * x[offsets[t] + q], for `filters` k and `vectors` vectors of q.

    The pair must be one of TILES. w holds `filters` numbers a tap; row k of y is written at y_at + k * y_pitch.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        x_base, o_base, w_base, b_base, y_base = (array_data(context, builder, signature, args, i) for i in (2, 4, 7, 9, 11))
        sources = lanes.at(x_base, args[3]), builder.gep(o_base, [args[5]]), args[6], lanes.at(w_base, args[8])
        targets = lanes.at(b_base, args[10]), lanes.at(y_base, args[12]), args[13]
        for rows, choices in TILES.items():
            with builder.if_then(builder.icmp_signed("==", args[0], number(rows))):
                for columns in choices:
                    with builder.if_then(builder.icmp_signed("==", args[1], number(columns))):
                        _emit_tile(lanes, rows, columns, sources, targets)
        return context.get_dummy_value()

    index = types.int64
    return types.void(index, index, x, index, offsets, index, index, w, index, b, index, y, index, index), emit


def _emit_tile(lanes: Lanes, rows: int, columns: int, sources: Sequence[Value], targets: Sequence[Value]) -> None:
    """One shape of multiply_tile."""
    builder, (x, offsets, taps, w), (b, y, y_pitch) = lanes.builder, sources, targets
    sums = [[cgutils.alloca_once(builder, lanes.type) for _ in range(columns)] for _ in range(rows)]
    for k in range(rows):
        bias = lanes.spread(builder.load(lanes.at(b, number(k))))
        for total in sums[k]:
            builder.store(bias, total)
    with cgutils.for_range(builder, taps) as tap:
        place = lanes.at(x, builder.load(builder.gep(offsets, [tap.index])))
        values = [lanes.load(lanes.at(place, number(v * lanes.count))) for v in range(columns)]
        weights = lanes.at(w, builder.mul(tap.index, number(rows)))
        for k in range(rows):
            weight = lanes.spread(builder.load(lanes.at(weights, number(k))))
            for total, value in zip(sums[k], values, strict=True):
                builder.store(lanes.multiply_add(weight, value, builder.load(total)), total)
    for k in range(rows):
        row = lanes.at(y, builder.mul(y_pitch, number(k)))
        for v, total in enumerate(sums[k]):
            lanes.store(builder.load(total), lanes.at(row, number(v * lanes.count)))


@intrinsic
def dot_tile(
    _typing: Any, rows: Any, dy: Any, dy_at: Any, dy_pitch: Any, dy_step: Any, x: Any, x_at: Any, x_step: Any,
    offsets: Any, o_at: Any, length: Any, images: Any, sums: Any, sums_at: Any,
) -> Any:  # fmt: skip
    """sums[k, t] += sum over q of dy[k, q] * x[offsets[t] + q], for a block of `rows` k, one of DOT_TILES.

    q runs over `length` places of each of `images` images, which lie dy_step and x_step apart. Row k of dy starts at
    dy_at + k * dy_pitch; the sums of a block lie next to each other, k by k.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        dy_base, x_base, o_base, s_base = (array_data(context, builder, signature, args, i) for i in (1, 5, 8, 12))
        gradient = lanes.at(dy_base, args[2]), args[3], args[4]
        source = lanes.at(x_base, args[6]), args[7], builder.gep(o_base, [args[9]])
        for filters, taps in DOT_TILES.items():
            with builder.if_then(builder.icmp_signed("==", args[0], number(filters))):
                _emit_dot(lanes, filters, taps, gradient, source, args[10], args[11], lanes.at(s_base, args[13]))
        return context.get_dummy_value()

    index = types.int64
    return types.void(index, dy, index, index, index, x, index, index, offsets, index, index, index, sums, index), emit


def _emit_dot(
    lanes: Lanes, filters: int, taps: int, gradient: Sequence[Value], source: Sequence[Value], length: Value,
    images: Value, target: Value,
) -> None:  # fmt: skip
    """One shape of dot_tile."""
    builder, (dy, dy_pitch, dy_step), (x, x_step, offsets) = lanes.builder, gradient, source
    sums = [cgutils.alloca_once(builder, lanes.type) for _ in range(filters * taps)]
    for total in sums:
        builder.store(lanes.zero(), total)
    dy_rows = [lanes.at(dy, builder.mul(dy_pitch, number(k))) for k in range(filters)]
    x_rows = [lanes.at(x, builder.load(builder.gep(offsets, [number(t)]))) for t in range(taps)]
    rest = builder.srem(length, number(lanes.count))

    def step(dy_place: Value, x_place: Value, load: Callable[[Value], Value]) -> None:
        gradients = [load(lanes.at(row, dy_place)) for row in dy_rows]
        for t in range(taps):
            value = load(lanes.at(x_rows[t], x_place))
            for k in range(filters):
                total = sums[k * taps + t]
                builder.store(lanes.multiply_add(gradients[k], value, builder.load(total)), total)

    with cgutils.for_range(builder, images) as image:
        dy_image, x_image = builder.mul(image.index, dy_step), builder.mul(image.index, x_step)
        with cgutils.for_range(builder, builder.sdiv(length, number(lanes.count))) as vector:
            place = builder.mul(vector.index, number(lanes.count))
            step(builder.add(dy_image, place), builder.add(x_image, place), lanes.load)
        with builder.if_then(builder.icmp_signed(">", rest, number(0))):
            place = builder.sub(length, rest)
            step(
                builder.add(dy_image, place),
                builder.add(x_image, place),
                lambda address: lanes.load_part(address, rest),
            )
    lanes.add_totals([builder.load(total) for total in sums], target)
