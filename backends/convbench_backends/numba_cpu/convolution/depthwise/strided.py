# ruff: noqa: ARG001, PLR0917  # a kernel takes all it may need, by position
"""Depthwise 3 x 3 convolution, stride 2: each plane on its own, y, dx and dw.

    rows of x, from the top of the padding      one running row
    2i       adds w[2] to y[i - 1]              done, written
             and  w[0] to y[i]                  begun
    2i + 1   adds w[1] to y[i]

Loop order: planes in parallel; strip of one vector of columns of y; row of y; tap. The columns that a tap reads lie two
apart: two vectors of x, side by side, are split into even and odd places in registers. So a row of x is loaded once for
the taps 0 and 1 and once more, two places on, for tap 2. Nothing is copied. dx is the same the other way round: a row
of dy, and the same row one place to the left, give the even and the odd columns of two rows of dx, which are woven
together when they are written. Every place of dx is written, with zero where no window reads. dw runs down both planes
and keeps nine sums.

Padding is a mask of lanes, as at stride 1 (kernels.py), and as there the number of threads does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Slot, Value, Vector
from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.depthwise.coming import Coming
from convbench_backends.numba_cpu.geometry import Array, Index

KERNEL = 3
STRIDE = 2


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
def spread_planes(task: int, tasks: int, thread: int, dy: Array, w: Array, sizes: Index, dx: Array) -> None:
    """A share of the planes of dx; dy (N * C, OH, OW), w (C, 9), dx (N * C, H, W), sizes (top, left)."""
    planes = len(dx)
    area, target = dx.shape[1] * dx.shape[2], dy.shape[1] * dy.shape[2]
    for p in range(planes * task // tasks, planes * (task + 1) // tasks):
        spread_plane(
            dy, p * target, dy.shape[1], dy.shape[2], w, 9 * (p % len(w)), sizes[0], sizes[1],
            dx, p * area, dx.shape[1], dx.shape[2],
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
    (running,) = lanes.slots(1)
    coming = Coming(lanes, rows + 1, vectors=STRIDE * STRIDE)
    with lanes.strips(columns) as column:
        first = column * STRIDE - left
        masks, written = plane.masks(first), lanes.first(columns - column)
        running.value = bias
        with lanes.loop(rows + 1) as row:
            coming.ask(x + height * width, column, row)
            even = plane.load_row(row * STRIDE - top, first, masks)
            done = _add_row(lanes, running.value, taps[6:9], even)
            with lanes.when(row > 0):
                lanes.store_where(done, y + ((row - 1) * columns + column), written)
            begun = _add_row(lanes, bias, taps[0:3], even)
            odd = plane.load_row(row * STRIDE - top + 1, first, masks)
            running.value = _add_row(lanes, begun, taps[3:6], odd)


@vector_code
def spread_plane(
    lanes: Lanes, dy: Place, rows: Int, columns: Int, w: Place, top: Int, left: Int, dx: Place, height: Int, width: Int
) -> None:
    """One plane of dx, `height` x `width`, from one of dy; dx begins `top` rows and `left` columns into the padding."""
    taps = [lanes.spread(w + t) for t in range(KERNEL * KERNEL)]
    here, behind, above, above_behind = lanes.slots(4)
    coming = Coming(lanes, rows + 1, vectors=STRIDE * STRIDE)
    with lanes.strips(columns + 1) as column:
        inside, inside_behind = lanes.first(columns - column), lanes.between(-column + 1, columns - column + 1)
        first = column * STRIDE - left
        masks = [lanes.between(-place, width - place) for place in (first, first + lanes.count)]
        above.value = above_behind.value = lanes.zero()
        with lanes.loop(rows + 1) as row:
            coming.ask(dx + height * width, column, row, write=True)
            here.value = behind.value = lanes.zero()
            with lanes.when(row < rows):
                place = dy + (row * columns + column)
                here.value = lanes.load_where(place, inside)
                behind.value = lanes.load_where(place + (-1), inside_behind)
            near = [here.value, behind.value, above.value, above_behind.value]
            upper = _sum(lanes, zip(near, [taps[0], taps[2], taps[6], taps[8]], strict=True))
            upper_odd = _sum(lanes, zip(near[::2], [taps[1], taps[7]], strict=True))
            lower = _sum(lanes, zip(near[:2], [taps[3], taps[5]], strict=True))
            lower_odd = near[0] * taps[4]
            for below, even, odd in ((0, upper, upper_odd), (1, lower, lower_odd)):
                target = row * STRIDE - top + below
                with lanes.when(target >= 0), lanes.when(target < height):
                    place = dx + (target * width + first)
                    for v, (mask, woven) in enumerate(zip(masks, lanes.weave(even, odd), strict=True)):
                        lanes.store_where(woven, place + v * lanes.count, mask)
            above.value, above_behind.value = here.value, behind.value


@vector_code
def plane_gradient(
    lanes: Lanes, x: Place, height: Int, width: Int, dy: Place, rows: Int, columns: Int, top: Int, left: Int,
    channels: Int, sums: Place,
) -> None:  # fmt: skip
    """Add to ten sums, dw and db, what one plane of x and one of dy, `rows` x `columns`, give.

    The next plane of the channel lies `channels` planes on.
    """
    plane = _Plane(lanes, x, height, width)
    totals, (here, above) = lanes.slots(KERNEL * KERNEL + 1), lanes.slots(2)
    coming = Coming(lanes, rows + 1, vectors=STRIDE * STRIDE)
    with lanes.strips(columns) as column:
        first = column * STRIDE - left
        masks, inside = plane.masks(first), lanes.first(columns - column)
        above.value = lanes.zero()
        with lanes.loop(rows + 1) as row:
            coming.ask(x + channels * height * width, column, row)
            here.value = lanes.zero()
            with lanes.when(row < rows):
                here.value = lanes.load_where(dy + (row * columns + column), inside)
            totals[-1].value += here.value
            even = plane.load_row(row * STRIDE - top, first, masks)
            _add_products(lanes, totals[6:9], above.value, even)
            _add_products(lanes, totals[0:3], here.value, even)
            odd = plane.load_row(row * STRIDE - top + 1, first, masks)
            _add_products(lanes, totals[3:6], here.value, odd)
            above.value = here.value
    lanes.add_totals([total.value for total in totals], sums)


class _Plane:
    """A plane of x; rows are loaded as the three taps read them, two places apart. Outside of it there are zeros."""

    def __init__(self, lanes: Lanes, start: Place, height: Int, width: Int) -> None:
        self._lanes, self._start, self._height, self._width = lanes, start, height, width
        self._values = lanes.slots(2 * STRIDE)
        self._starts = [0, lanes.count, STRIDE, STRIDE + lanes.count]

    def masks(self, first: Int) -> list[Value]:
        """Lanes that lie on the plane, for each of the vectors that a row is made of."""
        return [self._lanes.between(-(first + start), self._width - first - start) for start in self._starts]

    def load_row(self, row: Int, first: Int, masks: list[Value]) -> list[Vector]:
        """What each tap reads of one row, from the column `first` on; zeros where the row is padding."""
        lanes = self._lanes
        for value in self._values:
            value.value = lanes.zero()
        with lanes.when(row >= 0), lanes.when(row < self._height):
            place = self._start + (row * self._width + first)
            for start, value, mask in zip(self._starts, self._values, masks, strict=True):
                value.value = lanes.load_where(place + start, mask)
        low, high, low_further, high_further = (value.value for value in self._values)
        even, odd = (lanes.shuffle(low, high, range(start, 2 * lanes.count, STRIDE)) for start in range(STRIDE))
        return [even, odd, lanes.shuffle(low_further, high_further, range(0, 2 * lanes.count, STRIDE))]


def _add_row(lanes: Lanes, total: Vector, taps: list[Vector], values: list[Vector]) -> Vector:
    """The total with the products of one row of taps added."""
    for tap, value in zip(taps, values, strict=True):
        total = lanes.multiply_add(tap, value, total)
    return total


def _add_products(lanes: Lanes, totals: list[Slot], factor: Vector, values: list[Vector]) -> None:
    for total, value in zip(totals, values, strict=True):
        total.value = lanes.multiply_add(factor, value, total.value)


def _sum(lanes: Lanes, products: Iterable[tuple[Vector, Vector]]) -> Vector:
    (value, tap), *rest = products
    total = value * tap
    for value, tap in rest:
        total = lanes.multiply_add(value, tap, total)
    return total
