"""Vector operations along a row: copying, every second number, running maxima.

    copy_row       a b c d e f         ->  a b c d e f
    copy_second    a . b . c .         ->  a b c
    take_larger    values 3 9 1        best 5 5 5  ->  5 9 5        winner 0 0 0  ->  0 4 0   (for tap 4)

LLVM does not vectorise these loops by itself where several arrays may overlap or where a stride is not a constant.
Nothing outside the row is read or written.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from convbench_backends.numba_cpu.vector import Lanes, Value, array_data, cgutils, intrinsic, number

_LINE_BYTES = 64
"""A line of the cache on every machine that this runs on, or half of one."""


@intrinsic
def copy_row(_typing: Any, source: Any, source_at: Any, target: Any, target_at: Any, count: Any) -> Any:
    """Copy `count` numbers; nothing else is read or written."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, source.dtype)
        start = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        end = lanes.at(array_data(context, builder, signature, args, 2), args[3])

        def whole(place: Value) -> None:
            lanes.store(lanes.load(lanes.at(start, place)), lanes.at(end, place))

        def part(place: Value, rest: Value) -> None:
            lanes.store_part(lanes.load_part(lanes.at(start, place), rest), lanes.at(end, place), rest)

        lanes.over_row(args[4], whole, part)
        return context.get_dummy_value()

    return types.void(source, source_at, target, target_at, count), emit


@intrinsic
def copy_second(_typing: Any, source: Any, source_at: Any, target: Any, target_at: Any, count: Any) -> Any:
    """Copy `count` numbers, every second one of the source."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, source.dtype)
        start = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        end = lanes.at(array_data(context, builder, signature, args, 2), args[3])

        def whole(place: Value) -> None:
            lanes.store(lanes.load_seconds(lanes.at(start, builder.mul(place, number(2)))), lanes.at(end, place))

        def part(place: Value, rest: Value) -> None:
            values = lanes.load_seconds_part(lanes.at(start, builder.mul(place, number(2))), rest)
            lanes.store_part(values, lanes.at(end, place), rest)

        lanes.over_row(args[4], whole, part)
        return context.get_dummy_value()

    return types.void(source, source_at, target, target_at, count), emit


@intrinsic
def take_larger(
    _typing: Any, values: Any, at: Any, stride: Any, tap: Any, best: Any, best_at: Any, winner: Any, winner_at: Any,
    count: Any,
) -> Any:  # fmt: skip
    """Let a tap win where its value is larger, for `count` outputs.

    Output j has value values[at + j * stride]; the stride is 1 or 2, others are left to the caller.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, values.dtype)
        source = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        target = lanes.at(array_data(context, builder, signature, args, 4), args[5])
        marks = builder.gep(array_data(context, builder, signature, args, 6), [args[7]])
        mark = lanes.marks(marks.type.pointee, args[3])
        loads = {1: (lanes.load, lanes.load_part), 2: (lanes.load_seconds, lanes.load_seconds_part)}
        for step, (load, load_part) in loads.items():

            def whole(place: Value, step: int = step, load: Any = load) -> None:
                value = load(lanes.at(source, builder.mul(place, number(step))))
                lanes.keep_larger(value, lanes.at(target, place), mark, builder.gep(marks, [place]))

            def part(place: Value, rest: Value, step: int = step, load: Any = load_part) -> None:
                value = load(lanes.at(source, builder.mul(place, number(step))), rest)
                lanes.keep_larger(value, lanes.at(target, place), mark, builder.gep(marks, [place]), rest)

            with builder.if_then(builder.icmp_signed("==", args[2], number(step))):
                lanes.over_row(args[8], whole, part)
        return context.get_dummy_value()

    arrays = (values, at, stride, tap, best, best_at, winner, winner_at, count)
    return types.void(*arrays), emit


@intrinsic(prefer_literal=True)
def prefetch(_typing: Any, source: Any, at: Any, count: Any, write: Any) -> Any:
    """Ask for `count` numbers ahead of their use, to be written where `write` is 1; a hint that cannot fail."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Value:
        lanes = Lanes(context, builder, source.dtype)
        start = lanes.at(array_data(context, builder, signature, args, 0), args[1])
        with cgutils.for_range_slice(builder, number(0), args[2], number(_LINE_BYTES // lanes.itemsize)) as (place, _):
            lanes.prefetch(lanes.at(start, place), write.literal_value)
        return context.get_dummy_value()

    return types.void(source, at, count, write), emit
