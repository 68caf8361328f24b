"""The transforms of a Winograd weight gradient F(3 x 3, 2 x 2), and its product.

    dw = A^T [ sum over tiles of (G dy G^T) * (B^T x B) ] A

          | 1   0 |          | 1  1  1  0 |
      G = |1/2 1/2|    A^T = | 0  1 -1  0 |        B^T as in winograd_tiles.py
          |1/2-1/2|          | 0  1  1 -1 |
          | 0   1 |

The sum over tiles is a matrix product for each of the 16 products. Its innermost loop runs over tiles with a block of
sums in registers, vectors along channels:

                 v[t, c ...]
                 +-----+-----+-----+
    d[0, t]  *   | sum | sum | sum |   filter 0
    d[7, t]  *   | sum | sum | sum |   filter 7

so x is transposed to channels last before it is transformed, and dy is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba.core import types

from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_backends.numba_cpu.vector import Lanes, Value, array_data, cgutils, intrinsic, number
from convbench_backends.numba_cpu.winograd_tiles import combine_inputs, least

OUTER_VECTORS = 3
"""Vectors of channels of a full block: with FILTERS rows, the block of tiles.multiply_tile."""


@intrinsic
def transpose_row(
    _typing: Any, x: Any, x_at: Any, channel_step: Any, channels: Any, width: Any, target: Any, at: Any, pitch: Any
) -> Any:
    """Write one row of all channels as columns of `pitch` numbers each, a multiple of a vector.

    Columns behind the row, up to a vector of them, and channels behind the last are overwritten with something finite.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        channel_step, channels, width, pitch = args[2], args[3], args[4], args[7]
        end = lanes.at(array_data(context, builder, signature, args, 5), args[6])
        last = builder.sub(channels, number(1))
        with cgutils.for_range_slice(builder, number(0), width, number(lanes.count)) as (column, _):
            mask = lanes.between(number(0), builder.sub(width, column))
            with cgutils.for_range_slice(builder, number(0), channels, number(lanes.count)) as (channel, _):
                rows = []
                for lane in range(lanes.count):
                    c = least(builder, builder.add(channel, number(lane)), last)
                    place = builder.add(builder.mul(c, channel_step), column)
                    rows.append(lanes.load_where(lanes.at(source, place), mask))
                for lane, values in enumerate(lanes.transpose(rows)):
                    place = builder.add(builder.mul(builder.add(column, number(lane)), pitch), channel)
                    lanes.store(values, lanes.at(end, place))
        return context.get_dummy_value()

    index = types.int64
    return types.void(x, index, index, index, index, target, index, index), emit


@intrinsic
def transform_columns(
    _typing: Any, x: Any, x_at: Any, row_pitch: Any, pitch: Any, tile_columns: Any, v: Any, v_at: Any, v_step: Any,
    v_pitch: Any,
) -> Any:  # fmt: skip
    """B^T x B of one row of tiles for one vector of channels; x is channels last, `pitch` numbers a column.

    Product p of tile j is written at v_at + p * v_step + j * v_pitch.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        row_pitch, pitch, tile_columns, v_step, v_pitch = args[2], args[3], args[4], args[7], args[8]
        target = lanes.at(array_data(context, builder, signature, args, 5), args[6])
        kept = [[cgutils.alloca_once_value(builder, lanes.zero()) for _ in range(4)] for _ in range(2)]
        with cgutils.for_range(builder, builder.add(tile_columns, number(1))) as pair:
            new = []
            for i in range(2):
                column = builder.add(builder.mul(pair.index, number(2)), number(i))
                top = lanes.at(source, builder.mul(column, pitch))
                rows = [lanes.load(lanes.at(top, builder.mul(row_pitch, number(r)))) for r in range(4)]
                new.append(combine_inputs(lanes, rows))
            done = builder.sub(pair.index, number(1))
            with builder.if_then(builder.icmp_signed(">=", done, number(0))):
                place = lanes.at(target, builder.mul(done, v_pitch))
                old = [[builder.load(value) for value in values] for values in kept]
                for i in range(4):
                    for j, value in enumerate(combine_inputs(lanes, [old[0][i], old[1][i], new[0][i], new[1][i]])):
                        lanes.store(value, lanes.at(place, builder.mul(v_step, number(4 * i + j))))
            for slots, values in zip(kept, new, strict=True):
                for slot, value in zip(slots, values, strict=True):
                    builder.store(value, slot)
        return context.get_dummy_value()

    index = types.int64
    return types.void(x, index, index, index, index, v, index, index, index), emit


@intrinsic
def transform_gradient(
    _typing: Any, dy: Any, dy_at: Any, height: Any, width: Any, d: Any, d_at: Any, d_step: Any, tile_rows: Any,
    tile_columns: Any, db: Any, db_at: Any,
) -> Any:  # fmt: skip
    """G dy G^T of rows of 2 x 2 tiles of one plane, of which `height` rows are left; its sum is added to db.

    Product p of tile t is written at d_at + p * d_step + t, tiles row by row.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, dy.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        height, width, d_step, tile_rows, tile_columns = args[2], args[3], args[6], args[7], args[8]
        target = lanes.at(array_data(context, builder, signature, args, 4), args[5])
        total = cgutils.alloca_once_value(builder, lanes.zero())
        evens, odds = range(0, 2 * lanes.count, 2), range(1, 2 * lanes.count, 2)
        with cgutils.for_range(builder, tile_rows) as tile_row:
            with cgutils.for_range_slice(builder, number(0), tile_columns, number(lanes.count)) as (tile, _):
                column = builder.mul(tile, number(2))
                rows = []
                for i in range(2):
                    row = builder.add(builder.mul(tile_row.index, number(2)), number(i))
                    inside = builder.select(builder.icmp_signed("<", row, height), width, number(0))
                    start = lanes.at(source, builder.add(builder.mul(row, width), column))
                    left = builder.sub(inside, column)
                    low = lanes.load_part(start, left)
                    high = lanes.load_part(
                        lanes.at(start, number(lanes.count)), builder.sub(left, number(lanes.count))
                    )
                    builder.store(lanes.add(builder.load(total), lanes.add(low, high)), total)
                    rows.append(_gradient_products(lanes, [lanes.shuffle(low, high, odd) for odd in (evens, odds)]))
                place = lanes.at(target, builder.add(builder.mul(tile_row.index, tile_columns), tile))
                written = lanes.between(number(0), builder.sub(tile_columns, tile))
                for j in range(4):
                    for i, value in enumerate(_gradient_products(lanes, [rows[0][j], rows[1][j]])):
                        lanes.store_where(value, lanes.at(place, builder.mul(d_step, number(4 * i + j))), written)
        lanes.add_totals([builder.load(total)], lanes.at(array_data(context, builder, signature, args, 9), args[10]))
        return context.get_dummy_value()

    index = types.int64
    return types.void(dy, index, index, index, d, index, index, index, index, db, index), emit


@intrinsic
def outer_tile(
    _typing: Any, vectors: Any, d: Any, d_at: Any, d_pitch: Any, v: Any, v_at: Any, tiles: Any, m: Any, m_at: Any
) -> Any:
    """m[k, c] += sum over t of d[k, t] * v[t, c], for FILTERS k and `vectors` vectors of c, at most OUTER_VECTORS.

    Rows of d are d_pitch apart, those of v and m lie next to each other.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, d.dtype)
        gradient = lanes.at(array_data(context, builder, signature, args, 1), args[2]), args[3]
        values = lanes.at(array_data(context, builder, signature, args, 4), args[5])
        target = lanes.at(array_data(context, builder, signature, args, 7), args[8])
        for columns in range(1, OUTER_VECTORS + 1):
            with builder.if_then(builder.icmp_signed("==", args[0], number(columns))):
                _emit_outer(lanes, columns, gradient, values, args[6], target)
        return context.get_dummy_value()

    index = types.int64
    return types.void(index, d, index, index, v, index, index, m, index), emit


def _emit_outer(
    lanes: Lanes, columns: int, gradient: Sequence[Value], values: Value, tiles: Value, target: Value
) -> None:
    """One width of outer_tile."""
    builder, (d, d_pitch) = lanes.builder, gradient
    places = [lanes.at(target, number(i * lanes.count)) for i in range(FILTERS * columns)]
    sums = [cgutils.alloca_once_value(builder, lanes.load(place)) for place in places]
    rows = [lanes.at(d, builder.mul(d_pitch, number(k))) for k in range(FILTERS)]
    with cgutils.for_range(builder, tiles) as tile:
        start = lanes.at(values, builder.mul(tile.index, number(columns * lanes.count)))
        vectors = [lanes.load(lanes.at(start, number(i * lanes.count))) for i in range(columns)]
        for k in range(FILTERS):
            weight = lanes.spread(builder.load(lanes.at(rows[k], tile.index)))
            for vector, total in zip(vectors, sums[k * columns : (k + 1) * columns], strict=True):
                builder.store(lanes.multiply_add(weight, vector, builder.load(total)), total)
    for place, total in zip(places, sums, strict=True):
        lanes.store(builder.load(total), place)


@intrinsic
def transform_sums(
    _typing: Any, m: Any, m_at: Any, m_step: Any, share_step: Any, shares: Any, dw: Any, dw_at: Any, count: Any
) -> Any:
    """A^T m A for a vector of neighbouring channels, m added up over shares; `count` channels of 9 weights each.

    Product p of share s is read at m_at + s * share_step + p * m_step.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, m.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        m_step, share_step, shares, count = args[2], args[3], args[4], args[7]
        products = [cgutils.alloca_once_value(builder, lanes.zero()) for _ in range(16)]
        with cgutils.for_range(builder, shares) as share:
            start = lanes.at(source, builder.mul(share.index, share_step))
            for p, total in enumerate(products):
                part = lanes.load(lanes.at(start, builder.mul(m_step, number(p))))
                builder.store(lanes.add(builder.load(total), part), total)
        values = [builder.load(total) for total in products]
        rows = [_collect(lanes, values[4 * i : 4 * i + 4]) for i in range(4)]
        columns = [_collect(lanes, [row[s] for row in rows]) for s in range(3)]
        target = lanes.at(array_data(context, builder, signature, args, 5), args[6])
        for lane in range(lanes.count):
            with builder.if_then(builder.icmp_signed("<", number(lane), count)):
                for r in range(3):
                    for s in range(3):
                        lanes.store_lane(columns[s][r], lane, lanes.at(target, number(9 * lane + 3 * r + s)))
        return context.get_dummy_value()

    index = types.int64
    return types.void(m, index, index, index, index, dw, index, index), emit


def _gradient_products(lanes: Lanes, dy: Sequence[Value]) -> list[Value]:
    """G dy."""
    half = lanes.constant(0.5)
    middle = [lanes.multiply(half, combine(dy[0], dy[1])) for combine in (lanes.add, lanes.subtract)]
    return [dy[0], *middle, dy[1]]


def _collect(lanes: Lanes, m: Sequence[Value]) -> list[Value]:
    """A^T m."""
    both = lanes.add(m[1], m[2])
    return [lanes.add(m[0], both), lanes.subtract(m[1], m[2]), lanes.subtract(both, m[3])]
