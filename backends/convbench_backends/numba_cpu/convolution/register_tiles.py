# ruff: noqa: PLR0917  # Numba passes no keywords
"""The innermost loops of every convolution, held in vector registers.

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

Index arithmetic is the caller's: a kernel passes an array and a place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Slot, Vector
from convbench_backends.numba_cpu.compiler.rows import LINE_BYTES
from convbench_backends.numba_cpu.compiler.vector import REGISTERS, Lanes, vector_code

FILTERS = 8 if REGISTERS == 32 else 4
"""Rows of a full block of multiply_tile; weights are packed in this width."""
TILES = {FILTERS: (3, 2, 1), FILTERS // 2: (6, 3, 1)} | {1 << n: (8, 3, 1) for n in range(REGISTERS // 16)}
"""Shapes of multiply_tile: vectors of a block, by rows; blocks of 1 or 2 rows need 8, to have enough under way."""
PANEL = TILES[FILTERS][0]
"""Vectors of a panel of panel_tile."""
AHEAD = 8
"""Rows that panel_tile asks for."""
DOT_FILTERS = 4 if REGISTERS == 32 else 2
"""Rows of a full block of dot_tile."""
DOT_TILES = {DOT_FILTERS: 6, 1: 9}
"""Shapes of dot_tile: taps of a block, by rows; a single filter, as in depthwise convolution, takes a 3 x 3 kernel."""


@vector_code
def multiply_tile(
    lanes: Lanes, filters: Int, vectors: Int, x: Place, offsets: Place, taps: Int, ahead: Int, w: Place, b: Place,
    y: Place, y_pitch: Int, streams: Int,
) -> None:  # fmt: skip
    """y[k, q] = b[k] + sum over t of w[t, k] * x[offsets[t] + q], for `filters` k and `vectors` vectors of q.

    The pair must be one of TILES. w holds `filters` numbers a tap; rows of y are y_pitch apart. With each tap the line
    `ahead` places behind x[offsets[t]] is asked for. Where `streams` is 1, y goes past the caches if its rows permit.
    """
    for rows, choices in TILES.items():
        with lanes.when(filters.equals(rows)):
            for columns in choices:
                with lanes.when(vectors.equals(columns)):
                    _emit_tile(lanes, rows, columns, x, offsets, taps, ahead, w, b, y, y_pitch, streams)


def _emit_tile(
    lanes: Lanes, rows: int, columns: int, x: Place, offsets: Place, taps: Int, ahead: Int, w: Place, b: Place,
    y: Place, y_pitch: Int, streams: Int,
) -> None:  # fmt: skip
    """One shape of multiply_tile."""
    sums = [lanes.slots(columns, lanes.spread(b + k)) for k in range(rows)]
    with lanes.loop(taps) as tap:
        place = x + (offsets + tap).index
        lanes.prefetch(place + ahead)
        _add_tap(lanes, place, w + tap * rows, sums)
    if (rows, columns) != (FILTERS, PANEL):  # the largest shape writes nearly all of a large y
        _store_tile(lanes, sums, y, y_pitch)
        return
    streams = streams.where(lanes.is_aligned(y, y_pitch), 0)
    with lanes.when(streams.equals(0)):
        _store_tile(lanes, sums, y, y_pitch)
    with lanes.when(streams > 0):
        _store_tile(lanes, sums, y, y_pitch, past_caches=True)


def _add_tap(lanes: Lanes, x: Place, w: Place, sums: Sequence[Sequence[Slot]]) -> None:
    """Add what one tap gives: vectors of x from one place on, times a weight for each row of sums."""
    values = [lanes.load(x + v * lanes.count) for v in range(len(sums[0]))]
    for k, row in enumerate(sums):
        weight = lanes.spread(w + k)
        for total, value in zip(row, values, strict=True):
            total.value = lanes.multiply_add(weight, value, total.value)


def _store_tile(
    lanes: Lanes, sums: Sequence[Sequence[Slot]], y: Place, y_pitch: Int, *, past_caches: bool = False
) -> None:
    store = lanes.stream if past_caches else lanes.store
    for k, row in enumerate(sums):
        for v, total in enumerate(row):
            store(total.value, y + y_pitch * k + v * lanes.count)


@vector_code
def settle(lanes: Lanes, y: Place) -> None:  # noqa: ARG001  # vector code has an element type
    """Let all that went past the caches reach memory before anything that follows, on this thread and others."""
    lanes.builder.fence("seq_cst")


@vector_code
def panel_tile(
    lanes: Lanes, vectors: Int, x: Place, depth: Int, ahead: Place, ahead_pitch: Int, ahead_lines: Int, w: Place,
    b: Place, adds: Int, y: Place, y_pitch: Int,
) -> None:  # fmt: skip
    """y[k, q] = b[k] + sum over t of w[t, k] * x[t, q], for FILTERS k and `vectors` vectors of q, from 1 to PANEL.

    x is packed: PANEL vectors for each of `depth` taps t, whatever `vectors` is. w holds FILTERS numbers a tap. Where
    `adds` is 1 the sum is added to y in the place of b. Meanwhile AHEAD rows that begin at `ahead`, ahead_pitch apart,
    are asked for, the first ahead_lines lines of each.
    """
    line = LINE_BYTES // lanes.itemsize
    for columns in range(1, PANEL + 1):
        with lanes.when(vectors.equals(columns)):
            sums = [lanes.slots(columns, lanes.spread(b + k)) for k in range(FILTERS)]
            with lanes.when(adds.equals(1)):  # one loop for both beginnings halves what is compiled
                for k, row in enumerate(sums):
                    for v, total in enumerate(row):
                        total.value = lanes.load(y + y_pitch * k + v * lanes.count)
            with lanes.loop(depth) as tap:
                lines = (tap // AHEAD).at_most(ahead_lines)
                lanes.prefetch(ahead + tap % AHEAD * ahead_pitch + lines * line)
                _add_tap(lanes, x + tap * (PANEL * lanes.count), w + tap * FILTERS, sums)
            _store_tile(lanes, sums, y, y_pitch)


@vector_code
def dot_tile(
    lanes: Lanes, rows: Int, dy: Place, dy_pitch: Int, dy_step: Int, x: Place, x_step: Int, offsets: Place, length: Int,
    images: Int, sums: Place,
) -> None:  # fmt: skip
    """sums[k, t] += sum over q of dy[k, q] * x[offsets[t] + q], for a block of `rows` k, one of DOT_TILES.

    q runs over `length` places of each of `images` images, which lie dy_step and x_step apart. Rows of dy are dy_pitch
    apart; the sums of a block lie next to each other, k by k.
    """
    for filters, taps in DOT_TILES.items():
        with lanes.when(rows.equals(filters)):
            dy_rows = [dy + dy_pitch * k for k in range(filters)]
            x_rows = [x + (offsets + t).index for t in range(taps)]
            _emit_dot(lanes, dy_rows, dy_step, x_rows, x_step, length, images, sums)


def _emit_dot(
    lanes: Lanes, dy_rows: Sequence[Place], dy_step: Int, x_rows: Sequence[Place], x_step: Int, length: Int,
    images: Int, sums: Place,
) -> None:  # fmt: skip
    """One shape of dot_tile."""
    totals = [lanes.slots(len(x_rows)) for _ in dy_rows]

    def step(dy_place: Int, x_place: Int, load: Callable[[Place], Vector]) -> None:
        gradients = [load(row + dy_place) for row in dy_rows]
        for t, row in enumerate(x_rows):
            value = load(row + x_place)
            for gradient, of_filter in zip(gradients, totals, strict=True):
                of_filter[t].value = lanes.multiply_add(gradient, value, of_filter[t].value)

    with lanes.loop(images) as image:
        lanes.over_row(
            length,
            lambda place: step(image * dy_step + place, image * x_step + place, lanes.load),
            lambda place, rest: step(
                image * dy_step + place, image * x_step + place, lambda at: lanes.load_part(at, rest)
            ),
        )
    lanes.add_totals([total.value for of_filter in totals for total in of_filter], sums)
