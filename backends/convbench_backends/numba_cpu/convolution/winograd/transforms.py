# ruff: noqa: PLR0917  # Numba passes no keywords
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

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Value, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS


@vector_code
def transform_block(
    lanes: Lanes, w: Place, filter_step: Int, channel_step: Int, tap_step: Int, first: Int, filters: Int, channels: Int,
    u: Place, u_pitch: Int,
) -> None:  # fmt: skip
    """G w G^T of a block of filters from `first` on, for all channels.

    Tap t of filter k and channel c lies k * filter_step + c * channel_step + t * tap_step behind w; product p of
    channel c and filter f of the block is written p * u_pitch + c * FILTERS + f behind u.
    """
    count, last = channels * FILTERS, filters - 1
    with lanes.strips(count) as place:
        starts = []
        for lane in range(lanes.count):
            each = (place + lane).at_most(count - 1)
            k, c = (first + each % FILTERS).at_most(last), each // FILTERS
            starts.append(w + (k * filter_step + c * channel_step))
        taps = [lanes.gather([start + tap_step * t for start in starts]) for t in range(9)]
        rows = [_weigh(lanes, taps[3 * r : 3 * r + 3]) for r in range(3)]
        for j in range(4):
            for i, product in enumerate(_weigh(lanes, [row[j] for row in rows])):
                lanes.store_part(product, u + u_pitch * (4 * i + j) + place, count - place)


@vector_code
def transform_input(
    lanes: Lanes, x: Place, height: Int, width: Int, top: Int, left: Int, v: Place, v_step: Int, tile_rows: Int,
    tile_columns: Int,
) -> None:  # fmt: skip
    """B^T x B of rows of tiles of one plane of x, `height` x `width`, the first of them at row `top`, column `left`.

    Product p of tile t is written p * v_step + t behind v, tiles row by row.
    """
    plane = _Plane(lanes, x, height, width)
    kept = [lanes.slots(4) for _ in range(2)]
    with lanes.strips(tile_columns) as tile:
        column = left + tile * 2
        masks, written = plane.masks(column), lanes.first(tile_columns - tile)
        with lanes.loop(tile_rows + 1) as pair:
            new = [combine_inputs(plane.load_row(top + pair * 2 + i, column, masks)) for i in range(2)]
            done = pair - 1
            with lanes.when(done >= 0):
                place = v + (done * tile_columns + tile)
                for j in range(4):
                    values = [*(row[j].value for row in kept), *(row[j] for row in new)]
                    for i, product in enumerate(combine_inputs(values)):
                        lanes.store_where(product, place + v_step * (4 * i + j), written)
            for slots, row in zip(kept, new, strict=True):
                for slot, value in zip(slots, row, strict=True):
                    slot.value = value


@vector_code
def transform_output(
    lanes: Lanes, m: Place, m_step: Int, tile_rows: Int, tile_columns: Int, b: Place, y: Place, height: Int, width: Int
) -> None:
    """A^T m A plus a bias, for rows of tiles, into the first `height` x `width` places of rows of y.

    Product p of tile t is read p * m_step + t behind m, and a vector behind the last one; rows of y are `width` apart.
    """
    bias = lanes.spread(b)
    with lanes.loop(tile_rows) as tile_row, lanes.strips(tile_columns) as tile:
        place = m + (tile_row * tile_columns + tile)
        products = [lanes.load(place + m_step * p) for p in range(16)]
        rows = [_collect(products[4 * i : 4 * i + 4]) for i in range(4)]
        outputs = [_collect([row[j] for row in rows]) for j in range(2)]
        for i in range(2):
            row, column = tile_row * 2 + i, tile * 2
            pair = [outputs[j][i] + bias for j in range(2)]
            with lanes.when(row < height):
                _store_pairs(lanes, pair, y + (row * width + column), width - column)


def _weigh(lanes: Lanes, w: Sequence[Vector]) -> list[Vector]:
    """G w."""
    half, ends = lanes.constant(0.5), w[0] + w[2]
    return [w[0], half * (ends + w[1]), half * (ends - w[1]), w[2]]


def combine_inputs(d: Sequence[Vector]) -> list[Vector]:
    """B^T d."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _collect(m: Sequence[Vector]) -> list[Vector]:
    """A^T m."""
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _store_pairs(lanes: Lanes, pair: Sequence[Vector], place: Place, count: Int) -> None:
    """Write the lanes of two vectors in turn, `count` numbers."""
    half = lanes.count // 2
    for part in range(2):
        turns = [at for lane in range(part * half, (part + 1) * half) for at in (lane, lanes.count + lane)]
        behind = part * lanes.count
        lanes.store_part(lanes.shuffle(pair[0], pair[1], turns), place + behind, count - behind)


class _Plane:
    """A plane of x, read as columns 0 to 3 of a vector of tiles; outside of it there are zeros."""

    def __init__(self, lanes: Lanes, start: Place, height: Int, width: Int) -> None:
        self._lanes, self._start, self._height, self._width = lanes, start, height, width
        self._offsets = (0, lanes.count, 2, lanes.count + 2)

    def masks(self, column: Int) -> list[Value]:
        """Lanes on the plane of the four vectors that a vector of tiles at `column` reads."""
        return [self._lanes.between(-(column + offset), self._width - column - offset) for offset in self._offsets]

    def load_row(self, row: Int, column: Int, masks: Sequence[Value]) -> list[Vector]:
        """Columns 0, 1, 2 and 3 of the tiles."""
        lanes = self._lanes
        slots = lanes.slots(4)
        with lanes.when(row >= 0), lanes.when(row < self._height):
            place = self._start + (row * self._width + column)
            for slot, offset, mask in zip(slots, self._offsets, masks, strict=True):
                slot.value = lanes.load_where(place + offset, mask)
        low, high, low_on, high_on = (slot.value for slot in slots)
        evens, odds = range(0, 2 * lanes.count, 2), range(1, 2 * lanes.count, 2)
        return [lanes.shuffle(*pair, places) for pair in ((low, high), (low_on, high_on)) for places in (evens, odds)]
