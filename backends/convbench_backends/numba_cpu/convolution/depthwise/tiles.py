# ruff: noqa: PLR0917  # Numba passes no keywords
"""The vector code of framed.py: planes in frames of zeros, a tile of sums at a time.

The last arguments of each function, `down` to `halves`, are the numbers of a Tile, constants of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.depthwise.frame import Tile


@vector_code
def copy_plane(
    lanes: Lanes, source: Place, width: Int, rows: Int, columns: Int, target: Place, odd: Place, pitch: Int, step: Int,
    halves: Int,
) -> None:  # fmt: skip
    """Copy rows of a plane into a frame, at a step of 2 every second column to `odd`; whole vectors are written."""
    if halves.known:
        lanes = lanes.halves
    span = lanes.count if step.known == 1 else 2 * lanes.count
    whole = columns // span
    rest = columns - whole * span

    def copy(row: Int, number: Int | int, count: Int | None) -> None:
        """A vector of each residue, from all of a span or from the first `count` of it."""
        start, to = source + (row * width + number * span), row * pitch + number * lanes.count
        if step.known == 1:
            lanes.store(lanes.load(start) if count is None else lanes.load_part(start, count), target + to)
        else:
            for place, values in zip((target, odd), lanes.load_pairs(start, count), strict=True):
                lanes.store(values, place + to)

    with lanes.when(columns < span + 1), lanes.loop(rows) as row:  # short rows: nothing else is in this loop
        copy(row, 0, columns)
    with lanes.when(columns > span), lanes.loop(rows) as row:
        with lanes.loop(whole) as number:
            copy(row, number, None)
        with lanes.when(rest > 0):
            copy(row, whole, rest)


@vector_code
def filter_plane(
    lanes: Lanes, frame: Place, pitch: Int, part: Int, w: Place, across: Int, b: Place, y: Place, rows: Int,
    columns: Int, down: Int, stride: Int, step: Int, block: Int, vectors: Int,
    halves: Int,
) -> None:  # fmt: skip
    """One plane of y, `rows` x `columns`, from a frame."""
    tile = _tile(down, stride, step, block, vectors, halves)
    lanes = lanes.halves if tile.halves else lanes
    bias, places = lanes.spread(b), [*product(range(tile.rows), range(tile.vectors))]
    sums = dict(zip(places, lanes.slots(len(places)), strict=True))
    with _tiles(lanes, tile, rows, columns) as (row, column):
        start = frame + (row * tile.stride * pitch + column)
        for total in sums.values():
            total.value = bias
        with lanes.loop(across) as s:
            taps = [lanes.spread(w + (s + across * r)) for r in range(tile.down)]
            at = start + _column(s, tile.step, part)
            for t, v in product(range((tile.rows - 1) * tile.stride + tile.down), range(tile.vectors)):
                value = lanes.load(at + (pitch * t + v * lanes.count))
                for m, r in _uses(t, tile):
                    sums[m, v].value = lanes.multiply_add(taps[r], value, sums[m, v].value)
        masks = [lanes.first(columns - column - v * lanes.count) for v in range(tile.vectors)]
        for m in range(tile.rows):
            with lanes.when(row + m < rows):
                for v, mask in enumerate(masks):
                    place = y + ((row + m) * columns + column + v * lanes.count)
                    lanes.store_where(sums[m, v].value, place, mask)


@vector_code
def spread_plane(
    lanes: Lanes, frame: Place, pitch: Int, w: Place, across: Int, dx: Place, grid_rows: Int, grid_columns: Int,
    height: Int, width: Int, top: Int, left: Int, down: Int, stride: Int,
    step: Int, block: Int, vectors: Int,
    halves: Int,
) -> None:  # fmt: skip
    """One plane of dx, `height` x `width`, from a frame of dy.

    The grid is of steps of the stride; dx begins `top` rows and `left` columns into the first of them.
    """
    tile = _tile(down, stride, step, block, vectors, halves)
    lanes = lanes.halves if tile.halves else lanes
    reach = -(-tile.down // tile.stride)
    places = [*product(range(tile.rows), range(tile.vectors), range(tile.stride), range(tile.step))]
    sums = dict(zip(places, lanes.slots(len(places)), strict=True))
    last = (across + (tile.step - 1)) // tile.step - 1

    def add(start: Place, u: Int, column_phases: int) -> None:
        """The taps of a column of the frame: `u` is that of their step."""
        at = start + (last - u)
        each = [*product(range(tile.down), range(column_phases))]
        taps = {(r, a): lanes.spread(w + (across * r + u * tile.step + a)) for r, a in each}
        for t, v in product(range(tile.rows + reach - 1), range(tile.vectors)):
            value = lanes.load(at + (pitch * t + v * lanes.count))
            for m in range(tile.rows):
                for phase, a in product(range(tile.stride), range(column_phases)):
                    r = (m + reach - 1 - t) * tile.stride + phase
                    if 0 <= r < tile.down:
                        total = sums[m, v, phase, a]
                        total.value = lanes.multiply_add(taps[r, a], value, total.value)

    with _tiles(lanes, tile, grid_rows, grid_columns) as (row, column):
        start = frame + (row * pitch + column)
        for total in sums.values():
            total.value = lanes.zero()
        whole = across // tile.step
        with lanes.loop(whole) as u:
            add(start, u, tile.step)
        if tile.step > 1:
            with lanes.when(across > whole * tile.step):
                add(start, whole, 1)
        for m, phase in product(range(tile.rows), range(tile.stride)):
            target = (row + m) * tile.stride + phase - top
            with lanes.when(target >= 0), lanes.when(target < height):
                for v in range(tile.vectors):
                    values = [sums[m, v, phase, a].value for a in range(tile.step)]
                    first = (column + v * lanes.count) * tile.step - left
                    for n, woven in enumerate(lanes.transpose(values)):
                        place = first + n * lanes.count
                        mask = lanes.between(-place, width - place)
                        lanes.store_where(woven, dx + (target * width + place), mask)


@vector_code
def plane_gradient(
    lanes: Lanes, frame: Place, pitch: Int, part: Int, dy: Place, across: Int, rows: Int, columns: Int, totals: Place,
    down: Int, stride: Int, step: Int, block: Int, vectors: Int, halves: Int,
) -> None:  # fmt: skip
    """Add to vectors of sums what a frame of x and a plane of dy, `rows` x `columns`, give.

    There is a vector for each tap, and one for db.
    """
    tile = _tile(down, stride, step, block, vectors, halves)
    lanes = lanes.halves if tile.halves else lanes
    places = [*product(range(tile.rows), range(tile.vectors))]
    gradients = dict(zip(places, lanes.slots(len(places)), strict=True))
    sums = lanes.slots(tile.down)
    bias = totals + across * (tile.down * lanes.count)
    with _tiles(lanes, tile, rows, columns) as (row, column):
        masks = [lanes.first(columns - column - v * lanes.count) for v in range(tile.vectors)]
        for (m, v), gradient in gradients.items():
            gradient.value = lanes.zero()
            with lanes.when(row + m < rows):
                place = dy + ((row + m) * columns + column + v * lanes.count)
                gradient.value = lanes.load_where(place, masks[v])
        total = lanes.load(bias)
        for gradient in gradients.values():
            total += gradient.value
        lanes.store(total, bias)
        start = frame + (row * tile.stride * pitch + column)
        with lanes.loop(across) as s:
            of_column = [totals + (s + across * r) * lanes.count for r in range(tile.down)]
            for slot, place in zip(sums, of_column, strict=True):
                slot.value = lanes.load(place)
            at = start + _column(s, tile.step, part)
            for t, v in product(range((tile.rows - 1) * tile.stride + tile.down), range(tile.vectors)):
                value = lanes.load(at + (pitch * t + v * lanes.count))
                for m, r in _uses(t, tile):
                    sums[r].value = lanes.multiply_add(gradients[m, v].value, value, sums[r].value)
            for slot, place in zip(sums, of_column, strict=True):
                lanes.store(slot.value, place)


@vector_code
def add_up(lanes: Lanes, totals: Place, count: Int, dw: Place, db: Place, halves: Int) -> None:
    """Write the sums of the lanes of `count` vectors to dw, and of one more to db; as many as lanes lie behind it."""
    if halves.known:
        lanes = lanes.halves

    def sums(first: Int) -> Vector:
        return lanes.totals([lanes.load(totals + (first + v) * lanes.count) for v in range(lanes.count)])

    with lanes.strips(count) as first:
        lanes.store_part(sums(first), dw + first, count - first)
    lanes.store_lane(sums(count), 0, db)


@contextmanager
def _tiles(lanes: Lanes, tile: Tile, rows: Int, columns: Int) -> Iterator[tuple[Int, Int]]:
    """First row and column of each tile."""
    span = tile.vectors * lanes.count
    strips = (columns + (span - 1)) // span
    with lanes.loop((rows + (tile.rows - 1)) // tile.rows) as block, lanes.loop(strips) as strip:
        yield block * tile.rows, strip * span


def _tile(*numbers: Int) -> Tile:
    """The constants of a kernel."""
    known = [number.known for number in numbers]
    assert None not in known, "the numbers of a tile are constants"
    return Tile(*(number for number in known if number is not None))


def _column(s: Int, step: int, part: Int) -> Int:
    """Where the column of tap `s` lies in a row of a frame."""
    return s if step == 1 else s % step * part + s // step


def _uses(t: int, tile: Tile) -> Iterator[tuple[int, int]]:
    """(row of the tile, row of taps) that meet at row t of the frame."""
    for m in range(tile.rows):
        if 0 <= (r := t - m * tile.stride) < tile.down:
            yield m, r
