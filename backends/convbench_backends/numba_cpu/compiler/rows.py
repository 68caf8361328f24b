# ruff: noqa: PLR0917  # Numba passes no keywords
"""Vector operations along rows: copying, adding, summing, filling, clearing, asking ahead, running maxima, traces.

    copy_rows      a b c d e f         ->  a b c d e f             or with step 2:  a . b . c .  ->  a b c
    add_rows       a b c, 1 2 3        ->  1+a 2+b 3+c
    add_apart      a b c, 1 2 3 4 5    ->  1+a 2 3+b 4 5+c     (with step 2)
    sum_rows       a b c               ->  a+b+c
    fill_rows      a                   ->  a a a
    clear          a b c               ->  0 0 0
    add_trace      a b c               ->  0 if all of them are finite, else NaN
    take_larger    values 3 9 1        best 5 5 5  ->  5 9 5        winner 0 0 0  ->  0 4 0   (for tap 4)

LLVM does not vectorise these loops by itself where several arrays may overlap or where a stride is not a constant.
Nothing outside the row is read or written.
"""

from __future__ import annotations

from collections.abc import Callable

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code

Load = Callable[[Place], Vector]
LoadPart = Callable[[Place, Int], Vector]

LINE_BYTES = 64
"""A line of the cache on every machine that this runs on, or half of one."""


@vector_code
def copy_rows(
    lanes: Lanes, source: Place, source_pitch: Int, step: Int, target: Place, target_pitch: Int, rows: Int, count: Int
) -> None:
    """Copy `count` numbers, `step` places apart, of each of some rows; a step beyond 2 is slow."""
    if step.known in {None, 1}:
        with lanes.when(step.equals(1)), lanes.loop(rows) as row:
            start, end = source + row * source_pitch, target + row * target_pitch
            _copy_row(lanes, start, end, count, lanes.load, lanes.load_part, 1)
    if step.known in {None, 2}:
        with lanes.when(step.equals(2)), lanes.loop(rows) as row:
            start, end = source + row * source_pitch, target + row * target_pitch
            _copy_row(lanes, start, end, count, lanes.load_seconds, lanes.load_seconds_part, 2)
    if step.known is None or step.known > 2:
        with lanes.when(step > 2), lanes.loop(rows) as row, lanes.loop(count) as place:
            start, end = source + row * source_pitch, target + row * target_pitch
            lanes.builder.store((start + place * step).number, (end + place).address)


def _copy_row(lanes: Lanes, start: Place, end: Place, count: Int, load: Load, load_part: LoadPart, step: int) -> None:
    lanes.over_row(
        count,
        lambda place: lanes.store(load(start + place * step), end + place),
        lambda place, rest: lanes.store_part(load_part(start + place * step, rest), end + place, rest),
    )


@vector_code
def add_rows(
    lanes: Lanes, source: Place, source_pitch: Int, target: Place, target_pitch: Int, rows: Int, count: Int
) -> None:
    """Add `count` numbers of each of some rows to those of the target."""
    with lanes.loop(rows) as row:
        start, end = source + row * source_pitch, target + row * target_pitch

        def whole(place: Int, start: Place = start, end: Place = end) -> None:
            lanes.store(lanes.load(start + place) + lanes.load(end + place), end + place)

        def part(place: Int, rest: Int, start: Place = start, end: Place = end) -> None:
            total = lanes.load_part(start + place, rest) + lanes.load_part(end + place, rest)
            lanes.store_part(total, end + place, rest)

        lanes.over_row(count, whole, part)


@vector_code
def add_apart(lanes: Lanes, source: Place, target: Place, step: Int, count: Int) -> None:
    """Add `count` numbers to places of the target that are `step` apart; the step is 1 or 2, others are not done."""

    def add(values: Vector, place: Place, rest: Int) -> None:
        lanes.store_part(lanes.load_part(place, rest) + values, place, rest)

    def part_apart(place: Int, rest: Int) -> None:
        for v, woven in enumerate(lanes.weave(lanes.load_part(source + place, rest), lanes.zero())):
            add(woven, target + (place * 2 + v * lanes.count), rest * 2 - 1 - v * lanes.count)

    with lanes.when(step.equals(1)), lanes.strips(count) as place:
        add(lanes.load_part(source + place, count - place), target + place, count - place)
    with lanes.when(step.equals(2)), lanes.strips(count) as place:
        part_apart(place, (count - place).at_most(lanes.count))


@vector_code
def sum_rows(lanes: Lanes, source: Place, rows: Int, count: Int, target: Place) -> None:
    """Sums of rows of `count` numbers, which lie one behind the other: a vector of rows at a time, then single ones."""
    rest = rows % lanes.count
    with lanes.strips(rows - rest) as row:
        _sum_rows(lanes, source + row * count, lanes.count, count, target + row)
    with lanes.loop(rest) as row:
        last = rows - rest + row
        _sum_rows(lanes, source + last * count, 1, count, target + last)


def _sum_rows(lanes: Lanes, source: Place, rows: int, count: Int, target: Place) -> None:
    sums = lanes.slots(rows)
    starts = [source + count * row for row in range(rows)]

    def whole(place: Int) -> None:
        for slot, start in zip(sums, starts, strict=True):
            slot.value += lanes.load(start + place)

    def part(place: Int, rest: Int) -> None:
        for slot, start in zip(sums, starts, strict=True):
            slot.value += lanes.load_part(start + place, rest)

    lanes.over_row(count, whole, part)
    totals = lanes.totals([slot.value for slot in sums])
    if rows == lanes.count:
        lanes.store(totals, target)
    else:
        lanes.store_lane(totals, 0, target)


@vector_code
def fill_rows(lanes: Lanes, values: Place, rows: Int, count: Int, target: Place) -> None:
    """Rows of `count` numbers, one behind the other, each filled with its value."""
    with lanes.loop(rows) as row:
        start, value = target + row * count, lanes.spread(values + row)

        def whole(place: Int, start: Place = start, value: Vector = value) -> None:
            lanes.store(value, start + place)

        def part(place: Int, rest: Int, start: Place = start, value: Vector = value) -> None:
            lanes.store_part(value, start + place, rest)

        lanes.over_row(count, whole, part)


@vector_code
def clear(lanes: Lanes, target: Place, count: Int) -> None:
    """Set `count` numbers to zero."""
    clear_row(lanes, target, count)


def clear_row(lanes: Lanes, target: Place, count: Int) -> None:
    """The code of `clear`, for other vector code."""
    lanes.over_row(
        count,
        lambda place: lanes.store(lanes.zero(), target + place),
        lambda place, rest: lanes.store_part(lanes.zero(), target + place, rest),
    )


@vector_code
def add_trace(lanes: Lanes, source: Place, count: Int, trace: Place) -> None:
    """Add to a number 0 times each of `count` numbers: NaN where one is not finite, and else nothing."""
    zero, sums = lanes.zero(), lanes.slots(1)[0]

    def whole(place: Int) -> None:
        sums.value = lanes.multiply_add(lanes.load(source + place), zero, sums.value)

    def part(place: Int, rest: Int) -> None:
        sums.value = lanes.multiply_add(lanes.load_part(source + place, rest), zero, sums.value)

    lanes.over_row(count, whole, part)
    lanes.add_totals([sums.value], trace)


@vector_code
def take_larger(lanes: Lanes, values: Place, stride: Int, tap: Int, best: Place, winner: Place, count: Int) -> None:
    """Let a tap win where its value is larger, for `count` outputs.

    Output j has value values[at + j * stride]; the stride is 1 or 2, others are left to the caller.
    """
    with lanes.when(stride.equals(1)):
        _take_larger(lanes, values, tap, best, winner, count, lanes.load, lanes.load_part, 1)
    with lanes.when(stride.equals(2)):
        _take_larger(lanes, values, tap, best, winner, count, lanes.load_seconds, lanes.load_seconds_part, 2)


def _take_larger(
    lanes: Lanes, values: Place, tap: Int, best: Place, winner: Place, count: Int, load: Load, load_part: LoadPart,
    step: int,
) -> None:  # fmt: skip
    def whole(place: Int) -> None:
        lanes.keep_larger(load(values + place * step), best + place, tap, winner + place)

    def part(place: Int, rest: Int) -> None:
        lanes.keep_larger(load_part(values + place * step, rest), best + place, tap, winner + place, rest)

    lanes.over_row(count, whole, part)


@vector_code
def prefetch(lanes: Lanes, source: Place, count: Int) -> None:
    """Ask for `count` numbers ahead of their use; a hint that cannot fail, wherever it points."""
    line = LINE_BYTES // lanes.itemsize
    with lanes.loop((count + (line - 1)) // line) as number:
        lanes.prefetch(source + number * line)
