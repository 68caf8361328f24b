# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""The common small windows, 2 x 2 and 3 x 3, forward: size and stride are known when the code is emitted.

    rows of windows of 3       a b c d e f g ...      loaded with one mask a strip and combined place by place
                               h i j k l m n ...      (above and below the plane: its nearest row, which a maximum
                               o p q r s t u ...      may take twice)
    combined                   A B C D E F G ...
    split                      A C E ...,  B D F ...,  C E G ...      and combined: y

Loop order: bands of rows of y in parallel; strip of columns; row of y; all else is unrolled. A strip has as many
outputs as there are windows in two vectors of x. Where one vector holds all that is left of a row, the other is neither
loaded nor combined: a row of up to half a vector of outputs costs a handful of instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Value, Vector, as_index
from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.geometry import Array, Index

Combine = Callable[[Vector, Vector], Vector]


@kernel
def maxima_of_2(task: int, tasks: int, thread: int, x: Array, places: Index, y: Array) -> None:
    """A share of y (planes, OH, OW), from x (planes, H, W), windows of 2 x 2 at stride 2.

    places holds top, left and the number of rows of y in a band.
    """
    bands = len(y) * -(-y.shape[1] // places[2])
    window_maxima(
        x, 0, x.shape[1], x.shape[2], places[0], places[1], y, 0, y.shape[1], y.shape[2], places[2],
        bands * task // tasks, bands * (task + 1) // tasks, 2, 2,
    )  # fmt: skip


@kernel
def maxima_of_3(task: int, tasks: int, thread: int, x: Array, places: Index, y: Array) -> None:
    """The same for windows of 3 x 3 at stride 2."""
    bands = len(y) * -(-y.shape[1] // places[2])
    window_maxima(
        x, 0, x.shape[1], x.shape[2], places[0], places[1], y, 0, y.shape[1], y.shape[2], places[2],
        bands * task // tasks, bands * (task + 1) // tasks, 3, 2,
    )  # fmt: skip


@kernel
def maxima_of_3_at_1(task: int, tasks: int, thread: int, x: Array, places: Index, y: Array) -> None:
    """The same for windows of 3 x 3 at stride 1."""
    bands = len(y) * -(-y.shape[1] // places[2])
    window_maxima(
        x, 0, x.shape[1], x.shape[2], places[0], places[1], y, 0, y.shape[1], y.shape[2], places[2],
        bands * task // tasks, bands * (task + 1) // tasks, 3, 1,
    )  # fmt: skip


@kernel
def averages_of_2(task: int, tasks: int, thread: int, x: Array, places: Index, y: Array) -> None:
    """The same for averages of 2 x 2 at stride 2 that have no padding: top and left are 0."""
    bands = len(y) * -(-y.shape[1] // places[2])
    window_averages(
        x, 0, x.shape[1], x.shape[2], y, 0, y.shape[1], y.shape[2], places[2],
        bands * task // tasks, bands * (task + 1) // tasks, 2, 2,
    )  # fmt: skip


@vector_code
def window_maxima(
    lanes: Lanes, x: Place, height: Int, width: Int, top: Int, left: Int, y: Place, rows: Int, columns: Int, band: Int,
    first: Int, last: Int, size: Int, stride: Int,
) -> None:  # fmt: skip
    """The bands from `first` to `last` - 1 of maxima of size x size; both constants, and each window reaches x.

    Padding is smaller than any number; NaN is larger.
    """
    windows = _Windows(lanes, constant(size), constant(stride), lanes.larger, lanes.constant(float("-inf")))
    with bands(lanes, first, last, rows, band) as (plane, row, count):
        source, target = x + plane * height * width, y + (plane * rows + row) * columns
        windows.emit(source, height, width, row * stride - top, left, target, count, columns, lambda largest: largest)


@vector_code
def window_averages(
    lanes: Lanes, x: Place, height: Int, width: Int, y: Place, rows: Int, columns: Int, band: Int, first: Int,
    last: Int, size: Int, stride: Int,
) -> None:  # fmt: skip
    """The same with averages of windows that lie on x; the size is a power of two."""
    zero, share = Int(lanes.builder, as_index(0)), lanes.constant(constant(size) ** -2)
    windows = _Windows(lanes, constant(size), constant(stride), Vector.__add__, lanes.zero())
    with bands(lanes, first, last, rows, band) as (plane, row, count):
        source, target = x + plane * height * width, y + (plane * rows + row) * columns
        windows.emit(source, height, width, row * stride, zero, target, count, columns, lambda total: total * share)


def constant(number: Int) -> int:
    """A number that the code of the kernel gives."""
    assert number.known is not None
    return number.known


@contextmanager
def bands(lanes: Lanes, first: Int, last: Int, rows: Int, band: Int) -> Iterator[tuple[Int, Int, Int]]:
    """Plane, first row and number of rows of each band from `first` to `last` - 1; a plane has `rows` rows."""
    of_plane = (rows + band - 1) // band
    with lanes.loop(last - first) as index:
        number = first + index
        row = number % of_plane * band
        yield number // of_plane, row, (rows - row).at_most(band)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows of size x size, combined by a function that leaves a number alone with the neutral one."""

    lanes: Lanes
    size: int
    stride: int
    combine: Combine
    neutral: Vector

    def emit(
        self, x: Place, height: Int, width: Int, uppermost: Int, left: Int, y: Place, rows: Int, columns: Int,
        finish: Callable[[Vector], Vector],
    ) -> None:  # fmt: skip
        """`rows` rows of `columns` outputs; x is the plane, and the windows of the first row begin at `uppermost`."""
        lanes, size, stride, count = self.lanes, self.size, self.stride, self.lanes.count
        outputs = min(count, (2 * count - size) // stride + 1)
        with lanes.strips(columns, outputs) as column:
            first, rest = column * stride - left, columns - column
            masks = [lanes.between(-start, width - start) for start in (first, first + count)]
            written = lanes.first(rest.at_most(outputs))
            is_wide = rest * stride + (size - stride) > count
            with lanes.loop(rows) as row:
                top = uppermost + row * stride
                starts = [x + ((top + r).at_least(0).at_most(height - 1) * width + first) for r in range(size)]
                low, high = self._rows(starts, masks, is_wide)
                taps = [
                    lanes.shuffle(low, high, [(s + lane * stride) % (2 * count) for lane in range(count)])
                    for s in range(size)
                ]
                lanes.store_where(finish(reduce(self.combine, taps)), y + (row * columns + column), written)

    def _rows(self, starts: list[Place], masks: list[Value], is_wide: Value) -> tuple[Vector, Vector]:
        """Two vectors from each start, combined place by place; the second one is neutral where it is not needed."""
        lanes = self.lanes
        low = reduce(self.combine, [lanes.load_where(start, masks[0], self.neutral) for start in starts])
        (high,) = lanes.slots(1, self.neutral)
        with lanes.when(is_wide):
            behind = [start + lanes.count for start in starts]
            high.value = reduce(self.combine, [lanes.load_where(start, masks[1], self.neutral) for start in behind])
        return low, high.value
