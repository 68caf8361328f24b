# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""The common small windows, 2 x 2 and 3 x 3, backward: each place of dx gathers what its windows give.

    two rows and columns of padded x      windows of 3 x 3 at stride 2 that reach the place, and by which tap
    row 2i      column 2j                 (i, j) by 0, (i, j - 1) by 2, (i - 1, j) by 6, (i - 1, j - 1) by 8
                column 2j + 1             (i, j) by 1, (i - 1, j) by 7
    row 2i + 1  column 2j                 (i, j) by 3, (i, j - 1) by 5
                column 2j + 1             (i, j) by 4

A window gives its dy to the tap that won, or as an average a share to every tap. Of windows of 2 x 2 only one reaches
a place.

Loop order: bands of groups of `stride` rows in parallel; strip of one vector of columns of y; group of rows; place,
window. What was loaded of a row of windows stays in registers for the next group. Even and odd columns are woven
together when they are written. Every place of dx is written once, with zero where no window reaches it, and its sum has
the same order for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, pairwise

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Slot, Value, Vector, as_index
from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.geometry import Array, Index
from convbench_backends.numba_cpu.pooling.small_windows import bands, constant

Give = Callable[[Sequence[Vector], int], Vector]
"""What windows give by a tap, from what was loaded of them and the number of the tap."""


@dataclass(frozen=True, slots=True)
class Read:
    """What is read of windows: how, at a place with a mask, the place of a plane, and what stands for no window."""

    load: Callable[[Place, Value], Vector]
    plane: Place
    nothing: Vector


@kernel
def max_gradient_of_2(task: int, tasks: int, thread: int, dy: Array, which: Array, places: Index, dx: Array) -> None:
    """A share of dx (planes, H, W), from dy and which (planes, OH, OW), windows of 2 x 2 at stride 2.

    places holds top, left and the number of groups of rows of dx in a band.
    """
    number = len(dx) * -(-((dx.shape[1] + places[0] + 1) // 2) // places[2])
    gather_winners(
        dy, 0, which, 0, dy.shape[1], dy.shape[2], dx, 0, dx.shape[1], dx.shape[2], places[0], places[1], places[2],
        number * task // tasks, number * (task + 1) // tasks, 2, 2,
    )  # fmt: skip


@kernel
def max_gradient_of_3(task: int, tasks: int, thread: int, dy: Array, which: Array, places: Index, dx: Array) -> None:
    """The same for windows of 3 x 3 at stride 2."""
    number = len(dx) * -(-((dx.shape[1] + places[0] + 1) // 2) // places[2])
    gather_winners(
        dy, 0, which, 0, dy.shape[1], dy.shape[2], dx, 0, dx.shape[1], dx.shape[2], places[0], places[1], places[2],
        number * task // tasks, number * (task + 1) // tasks, 3, 2,
    )  # fmt: skip


@kernel
def max_gradient_of_3_at_1(
    task: int, tasks: int, thread: int, dy: Array, which: Array, places: Index, dx: Array
) -> None:
    """The same for windows of 3 x 3 at stride 1."""
    number = len(dx) * -(-(dx.shape[1] + places[0]) // places[2])
    gather_winners(
        dy, 0, which, 0, dy.shape[1], dy.shape[2], dx, 0, dx.shape[1], dx.shape[2], places[0], places[1], places[2],
        number * task // tasks, number * (task + 1) // tasks, 3, 1,
    )  # fmt: skip


@kernel
def average_gradient_of_2(task: int, tasks: int, thread: int, dy: Array, places: Index, dx: Array) -> None:
    """The same for averages of 2 x 2 at stride 2 that have no padding: top and left are 0."""
    number = len(dx) * -(-((dx.shape[1] + 1) // 2) // places[2])
    gather_shares(
        dy, 0, dy.shape[1], dy.shape[2], dx, 0, dx.shape[1], dx.shape[2], places[2],
        number * task // tasks, number * (task + 1) // tasks, 2, 2,
    )  # fmt: skip


@vector_code
def gather_winners(
    lanes: Lanes, dy: Place, which: Place, rows: Int, columns: Int, dx: Place, height: Int, width: Int, top: Int,
    left: Int, band: Int, first: Int, last: Int, size: Int, stride: Int,
) -> None:  # fmt: skip
    """The bands from `first` to `last` - 1 of dx of maxima of size x size; size and stride are constants."""

    def give(window: Sequence[Vector], tap: int) -> Vector:
        values, winners = window
        return lanes.where_marked(values, winners, tap)

    gradient = _Gradient(lanes, constant(size), constant(stride), give, rows, columns, height, width, top, left)
    with bands(lanes, first, last, gradient.groups, band) as (plane, group, count):
        start = plane * rows * columns
        reads = [
            Read(lanes.load_where, dy + start, lanes.zero()),
            Read(lanes.load_marks, which + start, lanes.no_marks(which)),
        ]
        gradient.emit(reads, dx + plane * height * width, group, count)


@vector_code
def gather_shares(
    lanes: Lanes, dy: Place, rows: Int, columns: Int, dx: Place, height: Int, width: Int, band: Int, first: Int,
    last: Int, size: Int, stride: Int,
) -> None:  # fmt: skip
    """The same for averages of windows that lie on x; the size is a power of two."""
    zero, share = Int(lanes.builder, as_index(0)), lanes.constant(constant(size) ** -2)

    def load_share(place: Place, mask: Value) -> Vector:
        return lanes.load_where(place, mask) * share

    gradient = _Gradient(
        lanes, constant(size), constant(stride), lambda window, _: window[0], rows, columns, height, width, zero, zero
    )
    with bands(lanes, first, last, gradient.groups, band) as (plane, group, count):
        start = plane * rows * columns
        reads = [Read(load_share, dy + start, lanes.zero())]
        gradient.emit(reads, dx + plane * height * width, group, count)


@dataclass(frozen=True, slots=True)
class _Gradient:
    """Planes of dx, height x width, and of windows, rows x columns, whose padding has `top` rows and `left` columns."""

    lanes: Lanes
    size: int
    stride: int
    give: Give
    rows: Int
    columns: Int
    height: Int
    width: Int
    top: Int
    left: Int

    @property
    def groups(self) -> Int:
        """Groups of `stride` rows of padded x, down to the last row of x."""
        return (self.height + self.top + (self.stride - 1)) // self.stride

    def emit(self, reads: Sequence[Read], dx: Place, group: Int, count: Int) -> None:
        """`count` groups of rows of a plane dx, from `group` on."""
        lanes, stride, reach = self.lanes, self.stride, -(-self.size // self.stride)
        with lanes.strips((self.width + self.left + (stride - 1)) // stride) as column:
            first = column * stride - self.left
            masks = [lanes.between(-column + b, self.columns - column + b) for b in range(reach)]
            starts = [first + v * lanes.count for v in range(stride)]
            written = [lanes.between(-start, self.width - start) for start in starts]
            near = [[[Slot(read.nothing) for read in reads] for _ in range(reach)] for _ in range(reach)]
            for a in range(1, reach):
                self._read_row(reads, near[a], group - a, column, masks)
            with lanes.loop(count) as number:
                row = group + number
                self._read_row(reads, near[0], row, column, masks)
                for below in range(stride):
                    columns = [self._sum(near, below, right) for right in range(stride)]
                    target = row * stride - self.top + below
                    with lanes.when(target >= 0), lanes.when(target < self.height):
                        self._store(columns, dx + (target * self.width + first), written, first)
                for older, newer in pairwise(reversed(near)):
                    for slot, next_slot in zip(chain(*older), chain(*newer), strict=True):
                        slot.value = next_slot.value

    def _read_row(
        self, reads: Sequence[Read], slots: Sequence[Sequence[Slot]], row: Int, column: Int, masks: Sequence[Value]
    ) -> None:
        """Read a row of windows into slots: those from `column` on, those one to the left, and so on; none beyond y."""
        for slot, read in chain(*(zip(each, reads, strict=True) for each in slots)):
            slot.value = read.nothing
        with self.lanes.when(row >= 0), self.lanes.when(row < self.rows):
            for b, (each, mask) in enumerate(zip(slots, masks, strict=True)):
                for slot, read in zip(each, reads, strict=True):
                    slot.value = read.load(read.plane + (row * self.columns + column - b), mask)

    def _sum(self, near: Sequence[Sequence[Sequence[Slot]]], below: int, right: int) -> Vector:
        """What the windows give to one row and column of each group of stride x stride places."""
        given = [
            self.give([slot.value for slot in near[r // self.stride][s // self.stride]], r * self.size + s)
            for r in range(below, self.size, self.stride)
            for s in range(right, self.size, self.stride)
        ]
        return reduce(Vector.__add__, given)

    def _store(self, columns: Sequence[Vector], target: Place, written: Sequence[Value], first: Int) -> None:
        """Weave the columns together; `first` is the one at the target. Whole lines are written without a mask."""
        lanes, rest = self.lanes, self.width - first
        vectors = columns if self.stride == 1 else lanes.weave(*columns)
        is_whole = lanes.builder.and_(first >= 0, rest >= len(vectors) * lanes.count)
        with lanes.when(is_whole):
            for v, vector in enumerate(vectors):
                lanes.store(vector, target + v * lanes.count)
        with lanes.when(lanes.builder.not_(is_whole)):
            lanes.store_where(vectors[0], target, written[0])
            for vector, mask in zip(vectors[1:], written[1:], strict=True):
                with lanes.when(rest > lanes.count):  # else the row ends before it
                    lanes.store_where(vector, target + lanes.count, mask)
