"""Vectors of the machine's own width in LLVM's intermediate code, for the few loops that LLVM does not vectorise itself.

    a register of `lanes` numbers          | 0 | 1 | 2 | ... | lanes - 1 |
    load, store         all of it, from any address that holds a number of the type
    load_part           the first `count` numbers, zero in the rest; memory behind them is not touched
    store_part          the first `count` numbers; memory behind them is not touched
    load_where ...      the same for any lanes; the address itself may lie outside the array

The width is asked of the compiler Numba uses, which honours NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, so that the kernels
of a smaller machine can be tested on a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba.extending
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba.core import cgutils as numba_cgutils
from numba.core.registry import cpu_target
from numba.np import arrayobj as numba_arrayobj

Value = Any
"""A value of LLVM's intermediate code; llvmlite is untyped."""
cgutils: Any = numba_cgutils
intrinsic: Any = numba.extending.intrinsic
_arrayobj: Any = numba_arrayobj

_I1, _I32, _I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


def _registers() -> tuple[int, int]:
    """Bytes of a vector register, and how many of them there are."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features or "+avx" in features.split(","):
        return 32, 16
    return 16, 32 if triple.startswith(("aarch64", "arm64")) else 16


VECTOR_BYTES, REGISTERS = _registers()


def lanes_of(itemsize: int) -> int:
    """Numbers of `itemsize` bytes that a register holds."""
    return VECTOR_BYTES // itemsize


def number(value: int) -> Value:
    """A constant index."""
    return ir.Constant(_I64, value)


def array_data(context: Any, builder: Any, signature: Any, args: Any, argument: int) -> Value:
    """Address of the first element of an array that is an argument of an intrinsic."""
    return _arrayobj.make_array(signature.args[argument])(context, builder, args[argument]).data


def _bytes(kind: Value) -> int:
    """Size of an element type."""
    if isinstance(kind, ir.IntType):
        return int(kind.width) // 8
    return 4 if isinstance(kind, ir.FloatType) else 8


def _tag(kind: Value) -> str:
    """How LLVM's intrinsics name a vector type, such as v16f32."""
    letter = "i" if isinstance(kind.element, ir.IntType) else "f"
    return f"v{kind.count}{letter}{8 * _bytes(kind.element)}"


class Lanes:
    """Emits code for vectors of one element type; every method adds instructions at the builder's place."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.builder = builder
        self.element = context.get_value_type(element)
        self.itemsize = element.bitwidth // 8
        self.count = lanes_of(self.itemsize)
        self.type = ir.VectorType(self.element, self.count)

    def at(self, base: Value, index: Value) -> Value:
        """Address of the element `index` numbers behind `base`."""
        return self.builder.gep(base, [index])

    def constant(self, value: float) -> Value:
        """A number in every lane."""
        return ir.Constant(self.type, [ir.Constant(self.element, value)] * self.count)

    def zero(self) -> Value:
        """A vector of zeros."""
        return self.constant(0.0)

    def gather(self, addresses: Sequence[Value]) -> Value:
        """Read one number from each address."""
        vector = self._undefined
        for lane, address in enumerate(addresses):
            vector = self.builder.insert_element(vector, self.builder.load(address), ir.Constant(_I32, lane))
        return vector

    def load(self, address: Value) -> Value:
        """Read a vector."""
        return self.builder.load(self._as_vector(address), align=self.itemsize)

    def store(self, vector: Value, address: Value) -> None:
        """Write a vector."""
        self.builder.store(vector, self._as_vector(address), align=self.itemsize)

    def load_seconds(self, address: Value) -> Value:
        """Read every second number, `count` of them, and nothing behind the last."""
        low, high = self.load(address), self.load(self.at(address, number(self.count - 1)))
        return self.shuffle(low, high, [*range(0, self.count, 2), *range(self.count + 1, 2 * self.count, 2)])

    def load_seconds_part(self, address: Value, count: Value) -> Value:
        """Read the first `count` of every second number, zero in the rest."""
        span = self.builder.sub(self.builder.mul(count, number(2)), number(1))
        high = self.load_part(self.at(address, number(self.count)), self.builder.sub(span, number(self.count)))
        return self.shuffle(self.load_part(address, span), high, range(0, 2 * self.count, 2))

    def load_part(self, address: Value, count: Value) -> Value:
        """Read the first `count` numbers, at most a vector, zero in the rest; a count below 1 reads nothing."""
        return self.load_where(address, self.between(number(0), count))

    def load_where(self, address: Value, mask: Value, otherwise: Value | None = None) -> Value:
        """Read the lanes of a mask; `otherwise`, or zero, in the rest, whose memory is not touched."""
        otherwise = self.zero() if otherwise is None else otherwise
        kind = otherwise.type
        name = f"llvm.masked.load.{_tag(kind)}.p0"
        load = self._function(name, kind, [kind.as_pointer(), _I32, self._mask_type, kind])
        address = self.builder.bitcast(address, kind.as_pointer())
        return self.builder.call(load, [address, ir.Constant(_I32, _bytes(kind.element)), mask, otherwise])

    def store_part(self, vector: Value, address: Value, count: Value) -> None:
        """Write the first `count` numbers, at most a vector; a count below 1 writes nothing."""
        self.store_where(vector, address, self.between(number(0), count))

    def store_where(self, vector: Value, address: Value, mask: Value) -> None:
        """Write the lanes of a mask; vectors of any type will do, such as the winners of a maximum."""
        pointer = vector.type.as_pointer()
        name = f"llvm.masked.store.{_tag(vector.type)}.p0"
        store = self._function(name, ir.VoidType(), [vector.type, pointer, _I32, self._mask_type])
        align = ir.Constant(_I32, _bytes(vector.type.element))
        self.builder.call(store, [vector, self.builder.bitcast(address, pointer), align, mask])

    def between(self, low: Value, high: Value) -> Value:
        """Mask of the lanes from low to high - 1."""
        lanes = ir.Constant(ir.VectorType(_I32, self.count), list(range(self.count)))
        above = self.builder.icmp_signed(">=", lanes, self._counters(low))
        return self.builder.and_(above, self.builder.icmp_signed("<", lanes, self._counters(high)))

    def _counters(self, value: Value) -> Value:
        """An index in every lane, in 32 bits."""
        counters = ir.VectorType(_I32, self.count)
        start = self.builder.insert_element(
            ir.Constant(counters, ir.Undefined), self.builder.trunc(value, _I32), ir.Constant(_I32, 0)
        )
        return self.shuffle(start, start, [0] * self.count)

    def _function(self, name: str, result: Value, arguments: Sequence[Value]) -> Value:
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def spread(self, scalar: Value) -> Value:
        """One number in every lane."""
        start = self.builder.insert_element(self._undefined, scalar, ir.Constant(_I32, 0))
        return self.shuffle(start, self._undefined, [0] * self.count)

    def shuffle(self, low: Value, high: Value, places: Sequence[int]) -> Value:
        """Choose lanes of two vectors; place `count` is the first lane of `high`."""
        mask = ir.Constant(ir.VectorType(_I32, len(places)), list(places))
        return self.builder.shuffle_vector(low, high, mask)

    def multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """Compute a * b + c, fused where the machine can."""
        fmuladd = self._function(f"llvm.fmuladd.{_tag(self.type)}", self.type, [self.type] * 3)
        return self.builder.call(fmuladd, [a, b, c])

    def add(self, a: Value, b: Value) -> Value:
        """Compute a + b."""
        return self.builder.fadd(a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """Compute a - b."""
        return self.builder.fsub(a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        """Compute a * b."""
        return self.builder.fmul(a, b)

    def marks(self, kind: Value, tap: Value) -> Value:
        """An index in every lane, as integers of the winners' type."""
        small = tap if kind.width == _I64.width else self.builder.trunc(tap, kind)
        start = self.builder.insert_element(
            ir.Constant(ir.VectorType(kind, self.count), ir.Undefined), small, ir.Constant(_I32, 0)
        )
        return self.shuffle(start, start, [0] * self.count)

    def keep_larger(self, value: Value, best: Value, mark: Value, winner: Value, count: Value | None = None) -> None:
        """Where value is larger than what lies at `best`, put it there and mark at `winner`; all or `count` lanes."""
        if count is None:
            winners = self.builder.bitcast(winner, mark.type.as_pointer())
            old, marks = self.load(best), self.builder.load(winners, align=1)
        else:
            mask = self.between(number(0), count)
            old, marks = self.load_where(best, mask), self.load_where(winner, mask, mark)
        larger = self.builder.fcmp_ordered(">", value, old)
        value, marks = self.builder.select(larger, value, old), self.builder.select(larger, mark, marks)
        if count is None:
            self.store(value, best)
            self.builder.store(marks, winners, align=1)
        else:
            self.store_where(value, best, mask)
            self.store_where(marks, winner, mask)

    def prefetch(self, address: Value, write: int) -> None:
        """Ask for a line of the cache."""
        byte = self.builder.bitcast(address, ir.IntType(8).as_pointer())
        kind = [byte.type, _I32, _I32, _I32]
        flags = [ir.Constant(_I32, flag) for flag in (write, 3, 1)]
        self.builder.call(self._function("llvm.prefetch.p0", ir.VoidType(), kind), [byte, *flags])

    def store_lane(self, vector: Value, lane: int, address: Value) -> None:
        """Write one lane."""
        self.builder.store(self.builder.extract_element(vector, ir.Constant(_I32, lane)), address)

    def transpose(self, rows: Sequence[Value]) -> list[Value]:
        """`count` vectors as a matrix, transposed: neighbouring rows are woven into each other, log2(count) times."""
        half = self.count // 2
        low = [place for lane in range(half) for place in (lane, self.count + lane)]
        high = [place + half for place in low]
        rows, width = list(rows), self.count
        while width > 1:
            pairs = [(rows[i], rows[i + self.count // 2]) for i in range(self.count // 2)]
            rows = [self.shuffle(a, b, places) for a, b in pairs for places in (low, high)]
            width //= 2
        return rows

    def totals(self, vectors: Sequence[Value]) -> Value:
        """Sums of the lanes of up to `count` vectors, in one vector.

        Halves are added pair by pair, and each step puts two vectors into one: a b c d with 4 lanes become
        a01 a23 -> a02+13 b02+13 -> a b c d. That is 3 instructions a vector where each sum alone would take 8.
        """
        rest = [*vectors, *([self.zero()] * (self.count - len(vectors)))]
        span = self.count
        while span > 1:
            starts = [v * self.count + block for v in range(2) for block in range(0, self.count, span)]
            low = [start + lane for start in starts for lane in range(span // 2)]
            high = [place + span // 2 for place in low]
            pairs = zip(rest[::2], rest[1::2], strict=True)
            rest = [self.add(self.shuffle(a, b, low), self.shuffle(a, b, high)) for a, b in pairs]
            span //= 2
        return rest[0]

    def add_totals(self, vectors: Sequence[Value], target: Value) -> None:
        """Add the sum of the lanes of each vector to the numbers at `target`."""
        for first in range(0, len(vectors), self.count):
            group = vectors[first : first + self.count]
            place, count = self.at(target, number(first)), number(len(group))
            self.store_part(self.add(self.load_part(place, count), self.totals(group)), place, count)

    def over_row(self, count: Value, whole: Callable[[Value], None], part: Callable[[Value, Value], None]) -> None:
        """Emit whole(place) for each whole vector of a row of `count`, then part(place, rest) for what is left."""
        builder = self.builder
        rest = builder.srem(count, number(self.count))
        end = builder.sub(count, rest)
        with cgutils.for_range_slice(builder, number(0), end, number(self.count)) as (place, _):
            whole(place)
        with builder.if_then(builder.icmp_signed(">", rest, number(0))):
            part(end, rest)

    @property
    def _undefined(self) -> Value:
        return ir.Constant(self.type, ir.Undefined)

    @property
    def _mask_type(self) -> Value:
        return ir.VectorType(_I1, self.count)

    def _as_vector(self, address: Value) -> Value:
        return self.builder.bitcast(address, self.type.as_pointer())
