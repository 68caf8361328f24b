# ruff: noqa: PLR0917  # Numba passes no keywords to a kernel
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

from typing import Any

from numba.core import types
from numpy.typing import NDArray

from convbench_backends.numba_cpu.geometry import Index
from convbench_backends.numba_cpu.jit import kernel
from convbench_backends.numba_cpu.vector import Lanes, Value, array_data, cgutils, intrinsic, number

Array = NDArray[Any]

KERNEL = 3


@kernel
def filter_planes(
    task: int, tasks: int, thread: int, x: Array, w: Array, b: Array, sizes: Index, y: Array
) -> None:
    """A share of the planes of y; x (N * C, H, W), w (C, 9), b (C,), y (N * C, OH, OW), sizes (top, left)."""
    planes = len(y)
    area, target = x.shape[1] * x.shape[2], y.shape[1] * y.shape[2]
    for p in range(planes * task // tasks, planes * (task + 1) // tasks):
        c = p % len(b)
        filter_plane(
            x, p * area, x.shape[1], x.shape[2], w, 9 * c, b, c, sizes[0], sizes[1], y, p * target, y.shape[1], y.shape[2]
        )  # fmt: skip


@kernel
def weight_gradients(
    task: int, tasks: int, thread: int, x: Array, dy: Array, sizes: Index, sums: Array
) -> None:
    """A share of the channels of sums (C, 10): nine of dw, one of db; x (N, C, H, W), dy (N, C, OH, OW)."""
    channels = len(sums)
    area, target = x.shape[2] * x.shape[3], dy.shape[2] * dy.shape[3]
    for c in range(channels * task // tasks, channels * (task + 1) // tasks):
        sums[c] = 0
        for n in range(len(dy)):
            p = n * channels + c
            plane_gradient(
                x, p * area, x.shape[2], x.shape[3], dy, p * target, dy.shape[2], dy.shape[3], sizes[0], sizes[1],
                sums, 10 * c,
            )  # fmt: skip


@intrinsic
def filter_plane(
    _typing: Any, x: Any, x_at: Any, height: Any, width: Any, w: Any, w_at: Any, b: Any, b_at: Any, top: Any, left: Any,
    y: Any, y_at: Any, rows: Any, columns: Any,
) -> Any:  # fmt: skip
    """One plane of y, `rows` x `columns`, from one of x, padded by `top` rows and `left` columns."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        plane = _Plane(lanes, lanes.at(array_data(context, builder, signature, args, 0), args[1]), args[2], args[3])
        weights = lanes.at(array_data(context, builder, signature, args, 4), args[5])
        taps = [lanes.spread(builder.load(lanes.at(weights, number(t)))) for t in range(KERNEL * KERNEL)]
        bias = lanes.spread(builder.load(lanes.at(array_data(context, builder, signature, args, 6), args[7])))
        target = lanes.at(array_data(context, builder, signature, args, 10), args[11])
        top, left, rows, columns = args[8], args[9], args[12], args[13]
        running = [cgutils.alloca_once(builder, lanes.type) for _ in range(KERNEL - 1)]
        with cgutils.for_range_slice(builder, number(0), columns, number(lanes.count)) as (column, _):
            masks = plane.masks(builder.sub(column, left))
            written = lanes.between(number(0), builder.sub(columns, column))
            for partial in running:
                builder.store(bias, partial)
            with cgutils.for_range(builder, builder.add(rows, number(KERNEL - 1))) as row:
                sums = [*(builder.load(partial) for partial in running), bias]
                values = plane.load_row(builder.sub(row.index, top), builder.sub(column, left), masks)
                for r in range(KERNEL):
                    for s, value in enumerate(values):
                        weight = taps[(KERNEL - 1 - r) * KERNEL + s]
                        sums[r] = lanes.multiply_add(weight, value, sums[r])
                done = builder.sub(row.index, number(KERNEL - 1))
                with builder.if_then(builder.icmp_signed(">=", done, number(0))):
                    place = builder.add(builder.mul(done, columns), column)
                    lanes.store_where(sums[0], lanes.at(target, place), written)
                for partial, total in zip(running, sums[1:], strict=True):
                    builder.store(total, partial)
        return context.get_dummy_value()

    index = types.int64
    return types.void(x, index, index, index, w, index, b, index, index, index, y, index, index, index), emit


@intrinsic
def plane_gradient(
    _typing: Any, x: Any, x_at: Any, height: Any, width: Any, dy: Any, dy_at: Any, rows: Any, columns: Any, top: Any,
    left: Any, sums: Any, sums_at: Any,
) -> Any:  # fmt: skip
    """Add to ten sums, dw and db, what one plane of x and one of dy, `rows` x `columns`, give."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, x.dtype)
        plane = _Plane(lanes, lanes.at(array_data(context, builder, signature, args, 0), args[1]), args[2], args[3])
        gradient = lanes.at(array_data(context, builder, signature, args, 4), args[5])
        rows, columns, top, left = args[6], args[7], args[8], args[9]
        target = lanes.at(array_data(context, builder, signature, args, 10), args[11])
        totals = [cgutils.alloca_once_value(builder, lanes.zero()) for _ in range(KERNEL * KERNEL + 1)]
        running = [cgutils.alloca_once(builder, lanes.type) for _ in range(KERNEL)]
        with cgutils.for_range_slice(builder, number(0), columns, number(lanes.count)) as (column, _):
            masks = plane.masks(builder.sub(column, left))
            inside = lanes.between(number(0), builder.sub(columns, column))
            for partial in running:
                builder.store(lanes.zero(), partial)
            with cgutils.for_range(builder, builder.add(rows, number(KERNEL - 1))) as row:
                for older, newer in ((2, 1), (1, 0)):
                    builder.store(builder.load(running[newer]), running[older])
                builder.store(lanes.zero(), running[0])
                with builder.if_then(builder.icmp_signed("<", row.index, rows)):
                    place = builder.add(builder.mul(row.index, columns), column)
                    builder.store(lanes.load_where(lanes.at(gradient, place), inside), running[0])
                newest = builder.load(running[0])
                builder.store(lanes.add(builder.load(totals[-1]), newest), totals[-1])
                values = plane.load_row(builder.sub(row.index, top), builder.sub(column, left), masks)
                for r in range(KERNEL):
                    for s, value in enumerate(values):
                        total = totals[r * KERNEL + s]
                        builder.store(lanes.multiply_add(builder.load(running[r]), value, builder.load(total)), total)
        lanes.add_totals([builder.load(total) for total in totals], target)
        return context.get_dummy_value()

    index = types.int64
    return types.void(x, index, index, index, dy, index, index, index, index, index, sums, index), emit


class _Plane:
    """A plane of x from which rows are loaded three times, one place apart; outside of it there are zeros."""

    def __init__(self, lanes: Lanes, start: Value, height: Value, width: Value) -> None:
        self._lanes, self._start, self._height, self._width = lanes, start, height, width
        self._values = [cgutils.alloca_once(lanes.builder, lanes.type) for _ in range(KERNEL)]

    def masks(self, column: Value) -> list[Value]:
        """Lanes that lie on the plane for vectors that start at `column` and the places behind it."""
        builder = self._lanes.builder
        starts = [builder.add(column, number(s)) for s in range(KERNEL)]
        return [self._lanes.between(builder.neg(start), builder.sub(self._width, start)) for start in starts]

    def load_row(self, row: Value, column: Value, masks: list[Value]) -> list[Value]:
        """The vectors of one row, zeros where the row is padding."""
        lanes, builder = self._lanes, self._lanes.builder
        for value in self._values:
            builder.store(lanes.zero(), value)
        above, below = builder.icmp_signed(">=", row, number(0)), builder.icmp_signed("<", row, self._height)
        with builder.if_then(builder.and_(above, below)):
            place = lanes.at(self._start, builder.add(builder.mul(row, self._width), column))
            for s, (value, mask) in enumerate(zip(self._values, masks, strict=True)):
                builder.store(lanes.load_where(lanes.at(place, number(s)), mask), value)
        return [builder.load(value) for value in self._values]
