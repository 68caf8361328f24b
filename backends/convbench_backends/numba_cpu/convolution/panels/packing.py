# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Bringing matrices into the order in which the products read them.

    columns   (taps, places) of a tensor:   a piece is a run of places in one row of one image

        places  0 1 2 3 4 5 6 7 8 9 ...      3 x 3 images: pieces of three, and at the end of a panel what is left
                a a a b b b c c c a

    a block   8 rows, transposed:           for each tap the numbers of 8 filters
    a panel   a vector of rows, transposed: for each place the numbers of PANEL vectors of taps

A matrix is never whole in memory but for the weights: what is packed stays in the caches of the thread that reads it.
"""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.emit import Int, Place
from convbench_backends.numba_cpu.compiler.jit import kernel, part
from convbench_backends.numba_cpu.compiler.rows import clear, clear_row, copy_rows
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.weaving import copy_block, weave_block
from convbench_backends.numba_cpu.geometry import Array, Index

IMAGE, ROW, COLUMN, COUNT, TARGET = range(5)
"""What describes a piece: where it begins, how many places it has, and where they go in the target."""


@part
def list_pieces(first: int, last: int, height: int, width: int, split: int, panel_size: int, pieces: Index) -> int:
    """The pieces of the places first to last - 1 of images of height x width; returns how many there are.

    After each `split` places the target begins anew, `panel_size` numbers on.
    """
    number, place = 0, first
    while place < last:
        done = place - first
        column, row = place % width, place // width
        count = min(width - column, last - place, split - done % split)
        pieces[number, IMAGE] = row // height
        pieces[number, ROW] = row % height
        pieces[number, COLUMN] = column
        pieces[number, COUNT] = count
        pieces[number, TARGET] = done // split * panel_size + done % split
        place += count
        number += 1
    return number


@part
def take_taps(
    x: Array, channels: int, height: int, width: int, rows: Index, spans: Index, step: int, channel: int, r: int,
    s: int, pieces: Index, number: int, target: Array, at: int,
) -> None:  # fmt: skip
    """What one tap of one channel reads for each of some pieces, zero where it lies on padding."""
    low, high, place = spans[s, 0], spans[s, 0] + spans[s, 1], spans[s, 2]
    for p in range(number):
        column, count, to = pieces[p, COLUMN], pieces[p, COUNT], at + pieces[p, TARGET]
        row = rows[r, pieces[p, ROW]]
        begin, end = max(column, low), min(column + count, high)
        if row < 0 or end <= begin:
            clear(target, to, count)
            continue
        if end - begin < count:
            clear(target, to, begin - column)
            clear(target, to + end - column, column + count - end)
        source = ((pieces[p, IMAGE] * channels + channel) * height + row) * width + place + (begin - low) * step
        copy_rows(x, source, 0, step, target, to + begin - column, 0, 1, end - begin)


@kernel
def pack_weights(task: int, tasks: int, thread: int, w: Array, sizes: Index, packed: Array) -> None:
    """A share of the blocks of w (filters, taps), sizes (filters, taps, block size); the last row fills up the last."""
    filters, taps, size = sizes[0], sizes[1], sizes[2]
    blocks = (filters + FILTERS - 1) // FILTERS
    for block in range(blocks * task // tasks, blocks * (task + 1) // tasks):
        k = block * FILTERS
        weave_block(w, k * taps, taps, filters - 1 - k, taps, packed, block * size)


@kernel
def pack_weights_turned(task: int, tasks: int, thread: int, w: Array, sizes: Index, packed: Array) -> None:
    """The same for the transposed matrix w (taps, filters)."""
    filters, taps, size = sizes[0], sizes[1], sizes[2]
    blocks = (filters + FILTERS - 1) // FILTERS
    for block in range(blocks * task // tasks, blocks * (task + 1) // tasks):
        k = block * FILTERS
        copy_block(w, k, filters, min(FILTERS, filters - k), taps, packed, block * size)


@vector_code
def spread_row(lanes: Lanes, source: Place, count: Int, step: Int, rest: Int, target: Place) -> None:
    """Write `count` numbers, `step` places apart, with zeros between them and in `rest` places behind the last."""
    with lanes.when(step.equals(2)):
        zero, half = lanes.zero(), lanes.count // 2
        low = [place for lane in range(half) for place in (lane, lanes.count + lane)]
        halves = (low, [place + half for place in low])

        def whole(place: Int) -> None:
            values = lanes.load(source + place)
            for v, places in enumerate(halves):
                lanes.store(lanes.shuffle(values, zero, places), target + place * 2 + v * lanes.count)

        def part_of(place: Int, left: Int) -> None:
            values = lanes.load_part(source + place, left)
            for v, places in enumerate(halves):
                at = v * lanes.count
                lanes.store_part(lanes.shuffle(values, zero, places), target + place * 2 + at, left * 2 - at)

        last = count - 1
        lanes.over_row(last, whole, part_of)
        lanes.store_part(lanes.shuffle(lanes.spread(source + last), zero, low), target + last * 2, rest + 1)
    with lanes.when(step > 2):
        clear_row(lanes, target, (count - 1) * step + 1 + rest)
        with lanes.loop(count) as number:
            lanes.builder.store((source + number).number, (target + number * step).address)
