# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Depthwise 3 x 3 convolution, stride 1: each plane on its own, y, dx and dw.

    x plane, a strip of one vector          three running rows of y
    +--+-------+----+
    |  | row t |    |   row t adds to       y[t - 2] += w[2] * row t    done, written
    |  |   |   |    |                       y[t - 1] += w[1] * row t
    |  |   v   |    |                       y[t]     += w[0] * row t    begun
    +--+-------+----+

Loop order: planes in parallel; strip of one vector of columns; row; tap. A row of x is loaded three times, one place
apart, for nine multiply-adds; sums never leave registers. Padding is a mask of lanes that are not loaded, so nothing is
copied and nothing outside a plane is touched. Backward, dx is the same with dy and the reversed weights; dw runs down x
the same way, with three running rows of dy and nine sums that are added up over lanes at the end of a plane.

A plane is a task's own and images are summed in their order, so the number of threads does not matter.
"""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Value, Vector
from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.depthwise.coming import Coming
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index

KERNEL = 3
"""Rows and columns of the filters."""


def takes(shape: ConvShape) -> bool:
    """Whether the kernels for 3 x 3 can do it: one filter a channel, 3 x 3, stride 1 or 2 on both axes, dilation 1."""
    down, across = ((axis.kernel, axis.stride, axis.dilation) for axis in (shape.vertical, shape.horizontal))
    one_filter = shape.groups == shape.in_channels == shape.out_channels
    return one_filter and down == across and down in {(KERNEL, 1, 1), (KERNEL, 2, 1)}


@kernel
def filter_planes(task: int, tasks: int, thread: int, x: Array, w: Array, b: Array, sizes: Index, y: Array) -> None:
    """A share of the planes of y; x (N * C, H, W), w (C, 9), b (C,), y (N * C, OH, OW), sizes (top, left)."""
    planes = len(y)
    area, target = x.shape[1] * x.shape[2], y.shape[1] * y.shape[2]
    for p in range(planes * task // tasks, planes * (task + 1) // tasks):
        c = p % len(b)
        filter_plane(
            x, p * area, x.shape[1], x.shape[2], w, 9 * c, b, c, sizes[0], sizes[1],
            y, p * target, y.shape[1], y.shape[2],
        )  # fmt: skip


@kernel
def weight_gradients(task: int, tasks: int, thread: int, x: Array, dy: Array, sizes: Index, sums: Array) -> None:
    """A share of the channels of sums (C, 10): nine of dw, one of db; x (N, C, H, W), dy (N, C, OH, OW)."""
    channels = len(sums)
    area, target = x.shape[2] * x.shape[3], dy.shape[2] * dy.shape[3]
    for c in range(channels * task // tasks, channels * (task + 1) // tasks):
        sums[c] = 0
        for n in range(len(dy)):
            p = n * channels + c
            plane_gradient(
                x, p * area, x.shape[2], x.shape[3], dy, p * target, dy.shape[2], dy.shape[3], sizes[0], sizes[1],
                channels, sums, 10 * c,
            )  # fmt: skip


@vector_code
def filter_plane(
    lanes: Lanes, x: Place, height: Int, width: Int, w: Place, b: Place, top: Int, left: Int, y: Place, rows: Int,
    columns: Int,
) -> None:  # fmt: skip
    """One plane of y, `rows` x `columns`, from one of x, padded by `top` rows and `left` columns."""
    plane = _Plane(lanes, x, height, width)
    taps = [lanes.spread(w + t) for t in range(KERNEL * KERNEL)]
    bias = lanes.spread(b)
    running = lanes.slots(KERNEL - 1)
    coming = Coming(lanes, rows + (KERNEL - 1))
    with lanes.strips(columns) as column:
        masks, written = plane.masks(column - left), lanes.first(columns - column)
        for partial in running:
            partial.value = bias
        with lanes.loop(rows + (KERNEL - 1)) as row:
            coming.ask(x + height * width, column, row)
            coming.ask(y + rows * columns, column, row, write=True)
            sums = [*(partial.value for partial in running), bias]
            values = plane.load_row(row - top, column - left, masks)
            for r in range(KERNEL):
                for s, value in enumerate(values):
                    sums[r] = lanes.multiply_add(taps[(KERNEL - 1 - r) * KERNEL + s], value, sums[r])
            done = row - (KERNEL - 1)
            with lanes.when(done >= 0):
                lanes.store_where(sums[0], y + (done * columns + column), written)
            for partial, total in zip(running, sums[1:], strict=True):
                partial.value = total


@vector_code
def plane_gradient(
    lanes: Lanes, x: Place, height: Int, width: Int, dy: Place, rows: Int, columns: Int, top: Int, left: Int,
    channels: Int, sums: Place,
) -> None:  # fmt: skip
    """Add to ten sums, dw and db, what one plane of x and one of dy, `rows` x `columns`, give.

    The next plane of the channel lies `channels` planes on.
    """
    plane = _Plane(lanes, x, height, width)
    totals, running = lanes.slots(KERNEL * KERNEL + 1), lanes.slots(KERNEL)
    coming = Coming(lanes, rows + (KERNEL - 1))
    next_x, next_dy = x + channels * height * width, dy + channels * rows * columns
    with lanes.strips(columns) as column:
        masks, inside = plane.masks(column - left), lanes.first(columns - column)
        for gradient in running:
            gradient.value = lanes.zero()
        with lanes.loop(rows + (KERNEL - 1)) as row:
            coming.ask(next_x, column, row)
            coming.ask(next_dy, column, row)
            running[2].value, running[1].value = running[1].value, running[0].value
            running[0].value = lanes.zero()
            with lanes.when(row < rows):
                running[0].value = lanes.load_where(dy + (row * columns + column), inside)
            totals[-1].value += running[0].value
            values = plane.load_row(row - top, column - left, masks)
            for r in range(KERNEL):
                for s, value in enumerate(values):
                    total = totals[r * KERNEL + s]
                    total.value = lanes.multiply_add(running[r].value, value, total.value)
    lanes.add_totals([total.value for total in totals], sums)


class _Plane:
    """A plane of x from which rows are loaded three times, one place apart; outside of it there are zeros."""

    def __init__(self, lanes: Lanes, start: Place, height: Int, width: Int) -> None:
        self._lanes, self._start, self._height, self._width = lanes, start, height, width
        self._values = lanes.slots(KERNEL)

    def masks(self, column: Int) -> list[Value]:
        """Lanes that lie on the plane for vectors that start at `column` and the places behind it."""
        return [self._lanes.between(-(column + s), self._width - column - s) for s in range(KERNEL)]

    def load_row(self, row: Int, column: Int, masks: list[Value]) -> list[Vector]:
        """The vectors of one row, zeros where the row is padding."""
        lanes = self._lanes
        for value in self._values:
            value.value = lanes.zero()
        with lanes.when(row >= 0), lanes.when(row < self._height):
            place = self._start + (row * self._width + column)
            for s, (value, mask) in enumerate(zip(self._values, masks, strict=True)):
                value.value = lanes.load_where(place + s, mask)
        return [value.value for value in self._values]
