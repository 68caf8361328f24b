# ruff: noqa: PLR0917  # Numba passes no keywords
"""The transforms of a Winograd weight gradient F(3 x 3, 2 x 2), and its product.

    dw = A^T [ sum over tiles of (G dy G^T) * (B^T x B) ] A

          | 1   0 |          | 1  1  1  0 |
      G = |1/2 1/2|    A^T = | 0  1 -1  0 |        B^T as in transforms.py
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

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Slot, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.winograd.transforms import combine_inputs

OUTER_VECTORS = 3
"""Vectors of channels of a full block: with FILTERS rows, the block of register_tiles.multiply_tile."""


@vector_code
def transpose_row(
    lanes: Lanes, x: Place, channel_step: Int, channels: Int, width: Int, target: Place, pitch: Int
) -> None:
    """Write one row of all channels as columns of `pitch` numbers each, a multiple of a vector.

    Columns behind the row, up to a vector of them, and channels behind the last are overwritten with something finite.
    The row below is asked for meanwhile.
    """
    with lanes.strips(width) as column, lanes.strips(channels) as channel:
        mask = lanes.first(width - column)
        rows = []
        for lane in range(lanes.count):
            place = x + ((channel + lane).at_most(channels - 1) * channel_step + column)
            rows.append(lanes.load_where(place, mask))
            lanes.prefetch(place + width)
        for lane, values in enumerate(lanes.transpose(rows)):
            lanes.store(values, target + ((column + lane) * pitch + channel))


@vector_code
def transform_columns(
    lanes: Lanes, x: Place, row_pitch: Int, pitch: Int, tile_columns: Int, v: Place, v_step: Int, v_pitch: Int
) -> None:
    """B^T x B of one row of tiles for one vector of channels; x is channels last, `pitch` numbers a column.

    Product p of tile j is written p * v_step + j * v_pitch behind v.
    """
    kept = [lanes.slots(4) for _ in range(2)]
    with lanes.loop(tile_columns + 1) as pair:
        new = []
        for i in range(2):
            top = x + (pair * 2 + i) * pitch
            new.append(combine_inputs([lanes.load(top + row_pitch * r) for r in range(4)]))
        done = pair - 1
        with lanes.when(done >= 0):
            for i in range(4):
                values = [*(column[i].value for column in kept), *(column[i] for column in new)]
                for j, product in enumerate(combine_inputs(values)):
                    lanes.store(product, v + done * v_pitch + v_step * (4 * i + j))
        for slots, column in zip(kept, new, strict=True):
            for slot, value in zip(slots, column, strict=True):
                slot.value = value


@vector_code
def transform_gradient(
    lanes: Lanes,
    dy: Place,
    height: Int,
    width: Int,
    d: Place,
    d_step: Int,
    tile_rows: Int,
    tile_columns: Int,
    db: Place,
) -> None:
    """G dy G^T of rows of 2 x 2 tiles of one plane, of which `height` rows are left; its sum is added to db.

    Product p of tile t is written p * d_step + t behind d, tiles row by row.
    """
    (total,) = lanes.slots(1)
    with lanes.loop(tile_rows) as tile_row, lanes.strips(tile_columns) as tile:
        rows = []
        for i in range(2):
            row, column = tile_row * 2 + i, tile * 2
            left = width.where(row < height, 0) - column
            place = dy + (row * width + column)
            low, high = lanes.load_part(place, left), lanes.load_part(place + lanes.count, left - lanes.count)
            total.value += low + high
            rows.append(_weigh(lanes, [lanes.shuffle(low, high, range(odd, 2 * lanes.count, 2)) for odd in range(2)]))
        written = lanes.first(tile_columns - tile)
        for j in range(4):
            for i, product in enumerate(_weigh(lanes, [row[j] for row in rows])):
                lanes.store_where(product, d + (tile_row * tile_columns + tile) + d_step * (4 * i + j), written)
    lanes.add_totals([total.value], db)


@vector_code
def outer_tile(lanes: Lanes, vectors: Int, d: Place, d_pitch: Int, v: Place, tiles: Int, m: Place) -> None:
    """m[k, c] += sum over t of d[k, t] * v[t, c], for FILTERS k and `vectors` vectors of c, at most OUTER_VECTORS.

    Rows of d are d_pitch apart, those of v and m lie next to each other.
    """
    for columns in range(1, OUTER_VECTORS + 1):
        with lanes.when(vectors.equals(columns)):
            places = [m + i * lanes.count for i in range(FILTERS * columns)]
            sums = [Slot(lanes.load(place)) for place in places]
            with lanes.loop(tiles) as tile:
                start = v + tile * (columns * lanes.count)
                values = [lanes.load(start + i * lanes.count) for i in range(columns)]
                for k in range(FILTERS):
                    weight = lanes.spread(d + d_pitch * k + tile)
                    for value, total in zip(values, sums[k * columns : (k + 1) * columns], strict=True):
                        total.value = lanes.multiply_add(weight, value, total.value)
            for place, total in zip(places, sums, strict=True):
                lanes.store(total.value, place)


@vector_code
def transform_sums(lanes: Lanes, m: Place, m_step: Int, share_step: Int, shares: Int, dw: Place, count: Int) -> None:
    """A^T m A for a vector of neighbouring channels, m added up over shares; `count` channels of 9 weights each.

    Product p of share s is read s * share_step + p * m_step behind m.
    """
    products = lanes.slots(16)
    with lanes.loop(shares) as share:
        for p, product in enumerate(products):
            product.value += lanes.load(m + share * share_step + m_step * p)
    values = [product.value for product in products]
    rows = [_collect(values[4 * i : 4 * i + 4]) for i in range(4)]
    columns = [_collect([row[s] for row in rows]) for s in range(3)]
    for lane in range(lanes.count):
        with lanes.when(count > lane):
            for r in range(3):
                for s in range(3):
                    lanes.store_lane(columns[s][r], lane, dw + (9 * lane + 3 * r + s))


def _weigh(lanes: Lanes, dy: Sequence[Vector]) -> list[Vector]:
    """G dy."""
    half = lanes.constant(0.5)
    return [dy[0], half * (dy[0] + dy[1]), half * (dy[0] - dy[1]), dy[1]]


def _collect(m: Sequence[Vector]) -> list[Vector]:
    """A^T m."""
    return [m[0] + m[1] + m[2], m[1] - m[2], m[1] + m[2] - m[3]]
