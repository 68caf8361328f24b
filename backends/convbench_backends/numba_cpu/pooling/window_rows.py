# ruff: noqa: PLR0917  # Numba passes no keywords
"""A row of y over the rows of x that its windows reach, in vectors: the largest of each window, or its sum.

    rows of x, as far as a window reaches     a b c d e f ...     two vectors, of twice as many places as outputs
                                              g h i j k l ...
    combined, place by place                  A B C D E F ...
    split at stride 2                         A C E ..., B D F ...     and combined: y of 2 x 2 windows

Loop order: strip of one vector of y; tap column, two at a time at stride 2; row of the window. Rows are combined before
columns are, so that vectors are split once for each tap column. x is only read, and y is written once. Places on
padding are lanes that are not loaded.
"""

from __future__ import annotations

from collections.abc import Callable

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code

WIDEST_STRIDE = 2
"""Up to which stride this is the way: vectors of x are split in registers."""

Combine = Callable[[Vector, Vector], Vector]


@vector_code
def row_maxima(
    lanes: Lanes, x: Place, rows: Int, row_step: Int, width: Int, taps: Int, stride: Int, dilation: Int, before: Int,
    y: Place, count: Int,
) -> None:  # fmt: skip
    """`count` maxima over `rows` rows of x, `row_step` numbers apart and `width` long, at stride 1 or 2.

    Padding is smaller than any number; NaN is larger.
    """
    window = _Windows(lanes, x, rows, row_step, width, lanes.larger, lanes.constant(float("-inf")))
    window.emit(taps, stride, dilation, before, y, count)


@vector_code
def row_sums(
    lanes: Lanes, x: Place, rows: Int, row_step: Int, width: Int, taps: Int, stride: Int, dilation: Int, before: Int,
    y: Place, count: Int,
) -> None:  # fmt: skip
    """The same with sums; padding is zero."""
    window = _Windows(lanes, x, rows, row_step, width, Vector.__add__, lanes.zero())
    window.emit(taps, stride, dilation, before, y, count)


class _Windows:
    """The windows of a row of y, combined by a function that leaves a number alone with the neutral one."""

    def __init__(
        self, lanes: Lanes, start: Place, rows: Int, row_step: Int, width: Int, combine: Combine, neutral: Vector
    ) -> None:
        self._lanes, self._combine, self._neutral = lanes, combine, neutral
        self._start, self._rows, self._row_step, self._width = start, rows, row_step, width

    def emit(self, taps: Int, stride: Int, dilation: Int, before: Int, y: Place, count: Int) -> None:
        """Write `count` numbers to y."""
        lanes = self._lanes
        (total,) = lanes.slots(1)
        with lanes.when(stride.equals(1)), lanes.strips(count) as column:
            total.value = self._neutral
            with lanes.loop(taps) as tap:
                (values,) = self._columns(column - before + tap * dilation, 1)
                total.value = self._combine(total.value, values)
            lanes.store_part(total.value, y + column, count - column)
        pairs = (taps // 2).where(dilation.equals(1), 0)  # neighbouring taps share their vectors
        with lanes.when(stride.equals(2)), lanes.strips(count) as column:
            total.value, first = self._neutral, column * 2 - before
            with lanes.loop(pairs) as pair:
                for half in self._halves(first + pair * 2):
                    total.value = self._combine(total.value, half)
            with lanes.loop(taps - pairs * 2) as single:
                even, _ = self._halves(first + (pairs * 2 + single) * dilation)
                total.value = self._combine(total.value, even)
            lanes.store_part(total.value, y + column, count - column)

    def _halves(self, column: Int) -> list[Vector]:
        """The even and the odd places from `column` on, a vector of each."""
        lanes = self._lanes
        low, high = self._columns(column, 2)
        return [lanes.shuffle(low, high, range(start, 2 * lanes.count, 2)) for start in range(2)]

    def _columns(self, column: Int, vectors: int) -> list[Vector]:
        """The rows of x from `column` on, combined place by place, in some vectors."""
        lanes = self._lanes
        combined = lanes.slots(vectors, self._neutral)
        starts = [column + vector * lanes.count for vector in range(vectors)]
        masks = [lanes.between(-start, self._width - start) for start in starts]
        with lanes.loop(self._rows) as row:
            for values, start, mask in zip(combined, starts, masks, strict=True):
                place = self._start + row * self._row_step + start
                values.value = self._combine(values.value, lanes.load_where(place, mask, self._neutral))
        return [values.value for values in combined]
