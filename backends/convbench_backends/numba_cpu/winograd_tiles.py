"""The two transforms of a Winograd convolution F(2 x 2, 3 x 3), in vectors of neighbouring tiles.

    y = A^T [ (G w G^T) * (B^T x B) ] A      Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015

          | 1  0 -1  0 |          | 1   0   0  |
    B^T = | 0  1  1  0 |      G = | 1/2 1/2 1/2|      A^T = | 1  1  1  0 |
          | 0 -1  1  0 |          | 1/2-1/2 1/2|            | 0  1 -1 -1 |
          | 0  1  0 -1 |          | 0   0   1  |

A tile is 4 x 4 inputs, two apart, and gives 2 x 2 outputs. Lane l of a vector belongs to tile l of a row of tiles: the
even columns of an input row are column 0 of its tiles, the odd ones column 1, and the same two places on are columns 2
and 3. All factors but those of the weights are 1 or -1, so the error stays near that of a direct sum; every factor is a
power of two, so small integers stay exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba.core import types

from convbench_backends.numba_cpu.tiles import FILTERS
from convbench_backends.numba_cpu.vector import Lanes, Value, array_data, cgutils, intrinsic, number


@intrinsic
def transform_block(
    _typing: Any, w: Any, start: Any, filter_step: Any, channel_step: Any, tap_step: Any, first: Any, filters: Any,
    channels: Any, u: Any, u_at: Any, u_pitch: Any,
) -> Any:  # fmt: skip
    """G w G^T of a block of filters from `first` on, for all channels: product p at u_at + p * u_pitch + c * FILTERS + f.

    Tap t of filter k and channel c is w[start + k * filter_step + c * channel_step + t * tap_step].
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, w.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        filter_step, channel_step, tap_step, first, filters, channels = args[2:8]
        target, u_pitch = lanes.at(array_data(context, builder, signature, args, 8), args[9]), args[10]
        width, last = number(FILTERS), builder.sub(filters, number(1))
        count = builder.mul(channels, width)
        with cgutils.for_range_slice(builder, number(0), count, number(lanes.count)) as (place, _):
            starts = []
            for lane in range(lanes.count):
                each = least(builder, builder.add(place, number(lane)), builder.sub(count, number(1)))
                k = least(builder, builder.add(first, builder.srem(each, width)), last)
                c = builder.sdiv(each, width)
                offset = builder.add(builder.mul(k, filter_step), builder.mul(c, channel_step))
                starts.append(lanes.at(source, offset))
            taps = [lanes.gather([lanes.at(at, builder.mul(tap_step, number(t))) for at in starts]) for t in range(9)]
            rows = [weight_products(lanes, taps[3 * r : 3 * r + 3]) for r in range(3)]
            left = builder.sub(count, place)
            for j in range(4):
                for i, value in enumerate(weight_products(lanes, [rows[r][j] for r in range(3)])):
                    product = lanes.at(target, builder.mul(u_pitch, number(4 * i + j)))
                    lanes.store_part(value, lanes.at(product, place), left)
        return context.get_dummy_value()

    index = types.int64
    return types.void(w, index, index, index, index, index, index, index, u, index, index), emit


@intrinsic
def transform_input(
    _typing: Any, x: Any, x_at: Any, height: Any, width: Any, row: Any, left: Any, v: Any, v_at: Any, v_step: Any,
    tile_rows: Any, tile_columns: Any,
) -> Any:  # fmt: skip
    """B^T x B of rows of tiles of one plane of x, `height` x `width`, whose first tile starts at (row, -left).

    Product p of tile t is written at v_at + p * v_step + t, tiles row by row.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        rows = _Rows(lanes, lanes.at(array_data(context, builder, signature, args, 0), args[1]), args[2], args[3])
        first, left, v_step, tile_rows, tile_columns = args[4], args[5], args[8], args[9], args[10]
        target = lanes.at(array_data(context, builder, signature, args, 6), args[7])
        kept = [[cgutils.alloca_once_value(builder, lanes.zero()) for _ in range(4)] for _ in range(2)]
        with cgutils.for_range_slice(builder, number(0), tile_columns, number(lanes.count)) as (tile, _):
            column = builder.sub(builder.mul(tile, number(2)), left)
            masks, written = rows.masks(column), lanes.between(number(0), builder.sub(tile_columns, tile))
            with cgutils.for_range(builder, builder.add(tile_rows, number(1))) as pair:
                row = builder.add(first, builder.mul(pair.index, number(2)))
                new = [combine_inputs(lanes, rows.load(builder.add(row, number(i)), column, masks)) for i in range(2)]
                done = builder.sub(pair.index, number(1))
                with builder.if_then(builder.icmp_signed(">=", done, number(0))):
                    place = lanes.at(target, builder.add(builder.mul(done, tile_columns), tile))
                    old = [[builder.load(value) for value in values] for values in kept]
                    for j in range(4):
                        for i, value in enumerate(combine_inputs(lanes, [old[0][j], old[1][j], new[0][j], new[1][j]])):
                            product = builder.mul(v_step, number(4 * i + j))
                            lanes.store_where(value, lanes.at(place, product), written)
                for slots, values in zip(kept, new, strict=True):
                    for slot, value in zip(slots, values, strict=True):
                        builder.store(value, slot)
        return context.get_dummy_value()

    index = types.int64
    return types.void(x, index, index, index, index, index, v, index, index, index, index), emit


@intrinsic
def transform_output(
    _typing: Any, m: Any, m_at: Any, m_step: Any, tile_rows: Any, tile_columns: Any, b: Any, b_at: Any, y: Any, y_at: Any,
    height: Any, width: Any,
) -> Any:  # fmt: skip
    """A^T m A plus a bias, for rows of tiles, into the first `height` x `width` places of rows of y.

    Product p of tile t is read at m_at + p * m_step + t, and a vector behind the last one; rows of y are `width` apart.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, m.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        m_step, tile_rows, tile_columns, height, width = args[2], args[3], args[4], args[9], args[10]
        bias = lanes.spread(builder.load(lanes.at(array_data(context, builder, signature, args, 5), args[6])))
        target = lanes.at(array_data(context, builder, signature, args, 7), args[8])
        with cgutils.for_range(builder, tile_rows) as tile_row:
            with cgutils.for_range_slice(builder, number(0), tile_columns, number(lanes.count)) as (tile, _):
                place = lanes.at(source, builder.add(builder.mul(tile_row.index, tile_columns), tile))
                products = [lanes.load(lanes.at(place, builder.mul(m_step, number(p)))) for p in range(16)]
                rows = [_collect(lanes, products[4 * i : 4 * i + 4]) for i in range(4)]
                sums = [_collect(lanes, [values[j] for values in rows]) for j in range(2)]
                column = builder.mul(tile, number(2))
                left = builder.sub(width, column)
                for i in range(2):
                    row = builder.add(builder.mul(tile_row.index, number(2)), number(i))
                    pair = [lanes.add(sums[j][i], bias) for j in range(2)]
                    with builder.if_then(builder.icmp_signed("<", row, height)):
                        start = lanes.at(target, builder.add(builder.mul(row, width), column))
                        _store_pairs(lanes, pair, start, left)
        return context.get_dummy_value()

    index = types.int64
    return types.void(m, index, index, index, index, b, index, y, index, index, index), emit


def least(builder: Any, a: Value, b: Value) -> Value:
    """The smaller of two indices."""
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def weight_products(lanes: Lanes, w: Sequence[Value]) -> list[Value]:
    """G w."""
    half, ends = lanes.constant(0.5), lanes.add(w[0], w[2])
    middle = [lanes.multiply(half, combine(ends, w[1])) for combine in (lanes.add, lanes.subtract)]
    return [w[0], *middle, w[2]]


def combine_inputs(lanes: Lanes, d: Sequence[Value]) -> list[Value]:
    """B^T d."""
    return [
        lanes.subtract(d[0], d[2]),
        lanes.add(d[1], d[2]),
        lanes.subtract(d[2], d[1]),
        lanes.subtract(d[1], d[3]),
    ]


def _collect(lanes: Lanes, m: Sequence[Value]) -> list[Value]:
    """A^T m."""
    return [
        lanes.add(lanes.add(m[0], m[1]), m[2]),
        lanes.subtract(lanes.subtract(m[1], m[2]), m[3]),
    ]


def _store_pairs(lanes: Lanes, pair: Sequence[Value], start: Value, count: Value) -> None:
    """Write the lanes of two vectors in turn, `count` numbers."""
    half = lanes.count // 2
    for part in range(2):
        turns = [place for lane in range(part * half, (part + 1) * half) for place in (lane, lanes.count + lane)]
        left = lanes.builder.sub(count, number(part * lanes.count))
        lanes.store_part(lanes.shuffle(*pair, turns), lanes.at(start, number(part * lanes.count)), left)


class _Rows:
    """Rows of a plane of x, read as columns 0 to 3 of a vector of tiles; zeros outside the plane."""

    def __init__(self, lanes: Lanes, start: Value, height: Value, width: Value) -> None:
        self._lanes, self._start, self._height, self._width = lanes, start, height, width
        self._offsets = (0, lanes.count, 2, lanes.count + 2)

    def masks(self, column: Value) -> list[Value]:
        """Lanes on the plane of the four vectors that a vector of tiles at `column` reads."""
        builder = self._lanes.builder
        starts = [builder.add(column, number(offset)) for offset in self._offsets]
        return [self._lanes.between(builder.neg(start), builder.sub(self._width, start)) for start in starts]

    def load(self, row: Value, column: Value, masks: Sequence[Value]) -> list[Value]:
        """Columns 0, 1, 2 and 3 of the tiles."""
        lanes, builder = self._lanes, self._lanes.builder
        slots = [cgutils.alloca_once(builder, lanes.type) for _ in self._offsets]
        for slot in slots:
            builder.store(lanes.zero(), slot)
        above, below = builder.icmp_signed(">=", row, number(0)), builder.icmp_signed("<", row, self._height)
        with builder.if_then(builder.and_(above, below)):
            place = lanes.at(self._start, builder.add(builder.mul(row, self._width), column))
            for slot, offset, mask in zip(slots, self._offsets, masks, strict=True):
                builder.store(lanes.load_where(lanes.at(place, number(offset)), mask), slot)
        low, high, low_on, high_on = (builder.load(slot) for slot in slots)
        evens, odds = range(0, 2 * lanes.count, 2), range(1, 2 * lanes.count, 2)
        return [lanes.shuffle(*pair, places) for pair in ((low, high), (low_on, high_on)) for places in (evens, odds)]
