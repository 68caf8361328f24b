"""Vectors of the machine's own width, for the few loops that LLVM does not vectorise itself.

    a register of `lanes` numbers      | 0 | 1 | 2 | ... | lanes - 1 |
    load, store             all of it, from any place
    load_part, store_part   the first `count` numbers; memory behind them is not touched, and zero is read there
    load_where, store_where the lanes of a mask, in the same way

The width is asked of the compiler Numba uses, which honours NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, so that the kernels
of a smaller machine can be tested on a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import Parameter, Signature, signature
from typing import Any

import numba.extending
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba.core import types
from numba.core.registry import cpu_target
from numba.np import arrayobj as numba_arrayobj

from convbench_backends.numba_cpu.compiler.emit import Builder, Int, Place, Slot, Value, Vector, cgutils

POSITIONAL = Parameter.POSITIONAL_OR_KEYWORD
intrinsic: Any = numba.extending.intrinsic
_arrayobj: Any = numba_arrayobj
_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))


def _registers() -> tuple[int, int]:
    """Bytes of a vector register, and how many of them there are."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    enabled = features.split(",")
    if "+avx512f" in enabled:
        return 64, 32
    if "+avx" in enabled:
        return 32, 16
    return 16, 32 if triple.startswith(("aarch64", "arm64")) else 16


VECTOR_BYTES, REGISTERS = _registers()


def lanes_of(itemsize: int) -> int:
    """Numbers of `itemsize` bytes that a register holds."""
    return VECTOR_BYTES // itemsize


def vector_code(emit: Callable[..., None]) -> Any:
    """Make a function that emits code, emit(lanes, *arguments), callable from kernels.

    A kernel passes an array and the place in it where emit needs one Place, and an integer where it needs an Int. The
    first array has the element type of the vectors.
    """

    def typed(_typing: Any, *kinds: Any) -> Any:
        result = types.void(*(kind if isinstance(kind, types.Array) else types.int64 for kind in kinds))

        def generate(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
            element = next(kind.dtype for kind in signature.args if isinstance(kind, types.Array))
            rest = iter(zip(signature.args, args, strict=True))
            values: list[Place | Int] = []
            for kind, value in rest:
                if isinstance(kind, types.Array):
                    data = _arrayobj.make_array(kind)(context, builder, value).data
                    values.append(Place(builder, data) + Int(builder, next(rest)[1]))
                else:
                    values.append(Int(builder, value))
            emit(Lanes(builder, context.get_value_type(element)), *values)
            return context.get_dummy_value()

        return result, generate

    typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
    typed.__signature__ = Signature([Parameter(name, POSITIONAL) for name in _arguments(emit)])  # type: ignore[attr-defined]  # Numba asks for it
    return intrinsic(typed)


def _arguments(emit: Callable[..., None]) -> Iterator[str]:
    """Names of what a kernel passes, after the context of typing: a Place is an array and a number."""
    yield "typing"
    for name, parameter in [*signature(emit).parameters.items()][1:]:
        yield name
        if parameter.annotation == "Place":
            yield f"{name}_at"


class Lanes:
    """Emits code for vectors of one element type, at the builder's place."""

    def __init__(self, builder: Builder, element: Value, count: int | None = None) -> None:
        self.builder = builder
        self.element = element
        self.itemsize = _bytes(element)
        self.count = lanes_of(self.itemsize) if count is None else count
        self.type = ir.VectorType(element, self.count)

    @property
    def halves(self) -> Lanes:
        """Vectors of half the width."""
        return Lanes(self.builder, self.element, self.count // 2)

    # control

    @contextmanager
    def loop(self, count: Int) -> Iterator[Int]:
        """Repeat for 0, 1, ... count - 1."""
        with cgutils.for_range(self.builder, count.value) as loop:
            yield Int(self.builder, loop.index)

    @contextmanager
    def strips(self, count: Int, width: int | None = None) -> Iterator[Int]:
        """Repeat for 0 and every place a vector further on, or `width` places, below count."""
        step = ir.Constant(_I64, width or self.count)
        with cgutils.for_range_slice(self.builder, ir.Constant(_I64, 0), count.value, step) as (index, _):
            yield Int(self.builder, index)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Do it only where the condition holds."""
        with self.builder.if_then(condition):
            yield

    def over_row(self, count: Int, whole: Callable[[Int], None], part: Callable[[Int, Int], None]) -> None:
        """Emit whole(place) for each whole vector of a row of `count`, then part(place, rest) for what is left."""
        rest = count % self.count
        with self.strips(count - rest) as place:
            whole(place)
        with self.when(rest > 0):
            part(count - rest, rest)

    # vectors

    def constant(self, value: float) -> Vector:
        """A number in every lane."""
        return Vector(self.builder, ir.Constant(self.type, [ir.Constant(self.element, value)] * self.count))

    def zero(self) -> Vector:
        """Zero in every lane."""
        return self.constant(0.0)

    def slots(self, number: int, first: Vector | None = None) -> list[Slot]:
        """Variables, all zero or equal to `first`."""
        return [Slot(self.zero() if first is None else first) for _ in range(number)]

    def spread(self, place: Place) -> Vector:
        """The number at a place in every lane."""
        start = self.builder.insert_element(self._undefined, place.number, ir.Constant(_I32, 0))
        return self._shuffled(start, start, [0] * self.count)

    def multiply_add(self, a: Vector, b: Vector, c: Vector) -> Vector:
        """Compute a * b + c, fused where the machine can."""
        fmuladd = self._function(f"llvm.fmuladd.{_tag(self.type)}", self.type, [self.type] * 3)
        return Vector(self.builder, self.builder.call(fmuladd, [a.value, b.value, c.value]))

    def larger(self, a: Vector, b: Vector) -> Vector:
        """The larger of both in each lane, NaN where one is NaN; of zeros the positive one in any order."""
        maximum = self._function(f"llvm.maximum.{_tag(self.type)}", self.type, [self.type] * 2)
        return Vector(self.builder, self.builder.call(maximum, [a.value, b.value]))

    def shuffle(self, low: Vector, high: Vector, places: Sequence[int]) -> Vector:
        """Choose lanes of two vectors; place `count` is the first lane of `high`."""
        return self._shuffled(low.value, high.value, places)

    def weave(self, even: Vector, odd: Vector) -> list[Vector]:
        """Both in turns, in two vectors."""
        places = [place for lane in range(self.count) for place in (lane, self.count + lane)]
        return [self.shuffle(even, odd, places[: self.count]), self.shuffle(even, odd, places[self.count :])]

    def transpose(self, rows: Sequence[Vector]) -> list[Vector]:
        """A matrix of vectors as rows, transposed: its columns one behind the other, in as many vectors.

        The number of rows is a power of two, 2^n: the halves of the rows are woven together n times. `count` rows give
        a column a vector; fewer rows give several columns a vector.
        """
        half = self.count // 2
        low = [place for lane in range(half) for place in (lane, self.count + lane)]
        high = [place + half for place in low]
        rows, width = list(rows), len(rows)
        while width > 1:
            pairs = zip(rows[: len(rows) // 2], rows[len(rows) // 2 :], strict=True)
            rows = [self.shuffle(a, b, places) for a, b in pairs for places in (low, high)]
            width //= 2
        return rows

    def totals(self, vectors: Sequence[Vector]) -> Vector:
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
            rest = [self.shuffle(a, b, low) + self.shuffle(a, b, high) for a, b in pairs]
            span //= 2
        return rest[0]

    # memory

    def load(self, place: Place) -> Vector:
        """Read a vector."""
        return Vector(self.builder, self.builder.load(place.as_pointer(self.type), align=self.itemsize))

    def store(self, vector: Vector, place: Place) -> None:
        """Write a vector."""
        self.builder.store(vector.value, place.as_pointer(self.type), align=self.itemsize)

    def stream(self, vector: Vector, place: Place) -> None:
        """Write a vector past the caches to where a vector may begin; the line is not read first."""
        store = self.builder.store(vector.value, place.as_pointer(self.type), align=VECTOR_BYTES)
        store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(_I32, 1)]))

    def is_aligned(self, place: Place, pitch: Int) -> Value:
        """Whether a vector may begin at a place, and `pitch` numbers behind it."""
        both = self.builder.or_(self.builder.ptrtoint(place.address, _I64), (pitch * self.itemsize).value)
        return Int(self.builder, self.builder.and_(both, ir.Constant(_I64, VECTOR_BYTES - 1))).equals(0)

    def load_part(self, place: Place, count: Int) -> Vector:
        """Read the first `count` numbers, at most a vector, zero in the rest; a count below 1 reads nothing."""
        return self.load_where(place, self.first(count))

    def store_part(self, vector: Vector, place: Place, count: Int) -> None:
        """Write the first `count` numbers, at most a vector; a count below 1 writes nothing."""
        self.store_where(vector, place, self.first(count))

    def load_where(self, place: Place, mask: Value, otherwise: Vector | None = None) -> Vector:
        """Read the lanes of a mask; the rest is that of `otherwise`, or zero."""
        return Vector(self.builder, self._masked_load(place, mask, (otherwise or self.zero()).value))

    def store_where(self, vector: Vector, place: Place, mask: Value) -> None:
        """Write the lanes of a mask."""
        self._masked_store(vector.value, place, mask)

    def load_pairs(self, place: Place, count: Int | None = None) -> tuple[Vector, Vector]:
        """The even and the odd ones of all numbers of two vectors, or of the first `count`, zero in the rest."""
        if count is None:
            low, high = self.load(place), self.load(place + self.count)
        else:
            low, high = self.load_part(place, count), self.load_part(place + self.count, count - self.count)
        return self.shuffle(low, high, range(0, 2 * self.count, 2)), self.shuffle(
            low, high, range(1, 2 * self.count, 2)
        )

    def load_seconds(self, place: Place) -> Vector:
        """Read every second number, `count` of them, and nothing behind the last."""
        high = [*range(self.count + 1, 2 * self.count, 2)]
        return self.shuffle(self.load(place), self.load(place + (self.count - 1)), [*range(0, self.count, 2), *high])

    def load_seconds_part(self, place: Place, count: Int) -> Vector:
        """Read the first `count` of every second number, zero in the rest."""
        span = count * 2 - 1
        high = self.load_part(place + self.count, span - self.count)
        return self.shuffle(self.load_part(place, span), high, range(0, 2 * self.count, 2))

    def gather(self, places: Sequence[Place]) -> Vector:
        """Read one number from each place."""
        vector = self._undefined
        for lane, place in enumerate(places):
            vector = self.builder.insert_element(vector, place.number, ir.Constant(_I32, lane))
        return Vector(self.builder, vector)

    def store_lane(self, vector: Vector, lane: int, place: Place) -> None:
        """Write one lane."""
        self.builder.store(self.builder.extract_element(vector.value, ir.Constant(_I32, lane)), place.address)

    def add_totals(self, vectors: Sequence[Vector], place: Place) -> None:
        """Add the sum of the lanes of each vector to the numbers from `place` on."""
        for first in range(0, len(vectors), self.count):
            group = vectors[first : first + self.count]
            count = Int(self.builder, ir.Constant(_I64, len(group)))
            self.store_part(self.load_part(place + first, count) + self.totals(group), place + first, count)

    def prefetch(self, place: Place, *, write: bool = False) -> None:
        """Ask for a line of the cache ahead of its use; a hint, which may point anywhere."""
        byte = place.as_pointer(_I8)
        access, kept, of_data = (ir.Constant(_I32, flag) for flag in (int(write), 3, 1))
        prefetch = self._function("llvm.prefetch.p0", ir.VoidType(), [byte.type, _I32, _I32, _I32])
        self.builder.call(prefetch, [byte, access, kept, of_data])

    # masks and marks

    def no_marks(self, marks: Place) -> Vector:
        """Zero for each lane, in integers of the type of `marks`."""
        return Vector(self.builder, ir.Constant(ir.VectorType(marks.address.type.pointee, self.count), None))

    def load_marks(self, marks: Place, mask: Value) -> Vector:
        """Read the integers of the lanes of a mask, zero in the rest."""
        return Vector(self.builder, self._masked_load(marks, mask, self.no_marks(marks).value))

    def where_marked(self, vector: Vector, marks: Vector, mark: int) -> Vector:
        """The vector where its mark is this one, else zero."""
        wanted = ir.Constant(marks.value.type, [ir.Constant(marks.value.type.element, mark)] * self.count)
        chosen = self.builder.icmp_unsigned("==", marks.value, wanted)
        return Vector(self.builder, self.builder.select(chosen, vector.value, self.zero().value))

    def first(self, count: Int) -> Value:
        """Mask of the first `count` lanes."""
        return self.builder.icmp_signed("<", self._numbers, self._everywhere(count, _I32))

    def between(self, low: Int, high: Int) -> Value:
        """Mask of the lanes from low to high - 1."""
        above = self.builder.icmp_signed(">=", self._numbers, self._everywhere(low, _I32))
        return self.builder.and_(above, self.first(high))

    def keep_larger(self, value: Vector, best: Place, mark: Int, winner: Place, count: Int | None = None) -> None:
        """Where value is larger than what lies at `best`, put it there and mark at `winner`; all or `count` lanes.

        NaN is larger than any number.
        """
        mask = None if count is None else self.first(count)
        marks = self._everywhere(mark, winner.address.type.pointee)
        old, old_marks = (
            self.builder.load(place.as_pointer(kind), align=1)
            if mask is None
            else self._masked_load(place, mask, ir.Constant(kind, None))
            for place, kind in ((best, self.type), (winner, marks.type))
        )
        # NaN wins: it is not ordered; nothing wins against the first NaN
        larger = self.builder.fcmp_unordered(">", value.value, old)
        larger = self.builder.and_(larger, self.builder.fcmp_ordered("==", old, old))
        largest = self.larger(Vector(self.builder, old), value).value
        chosen_marks = self.builder.select(larger, marks, old_marks)
        for place, chosen in ((best, largest), (winner, chosen_marks)):
            if mask is None:
                self.builder.store(chosen, place.as_pointer(chosen.type), align=1)
            else:
                self._masked_store(chosen, place, mask)

    # LLVM

    @property
    def _undefined(self) -> Value:
        return ir.Constant(self.type, ir.Undefined)

    @property
    def _numbers(self) -> Value:
        return ir.Constant(ir.VectorType(_I32, self.count), list(range(self.count)))

    def _everywhere(self, number: Int, kind: Value) -> Value:
        """An integer in every lane, cut to a type."""
        value = number.value if kind.width == _I64.width else self.builder.trunc(number.value, kind)
        vector = ir.Constant(ir.VectorType(kind, self.count), ir.Undefined)
        start = self.builder.insert_element(vector, value, ir.Constant(_I32, 0))
        return self.builder.shuffle_vector(start, start, ir.Constant(ir.VectorType(_I32, self.count), None))

    def _shuffled(self, low: Value, high: Value, places: Sequence[int]) -> Vector:
        mask = ir.Constant(ir.VectorType(_I32, len(places)), list(places))
        return Vector(self.builder, self.builder.shuffle_vector(low, high, mask))

    def _masked_load(self, place: Place, mask: Value, otherwise: Value) -> Value:
        kind = otherwise.type
        pointer = place.as_pointer(kind)
        load = self._function(f"llvm.masked.load.{_tag(kind)}.p0", kind, [pointer.type, _I32, mask.type, kind])
        return self.builder.call(load, [pointer, ir.Constant(_I32, _bytes(kind.element)), mask, otherwise])

    def _masked_store(self, vector: Value, place: Place, mask: Value) -> None:
        kind = vector.type
        pointer = place.as_pointer(kind)
        arguments = [kind, pointer.type, _I32, mask.type]
        store = self._function(f"llvm.masked.store.{_tag(kind)}.p0", ir.VoidType(), arguments)
        self.builder.call(store, [vector, pointer, ir.Constant(_I32, _bytes(kind.element)), mask])

    def _function(self, name: str, result: Value, arguments: Sequence[Value]) -> Value:
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)


def _bytes(kind: Value) -> int:
    """Size of an element type."""
    if isinstance(kind, ir.IntType):
        return int(kind.width) // 8
    return 4 if isinstance(kind, ir.FloatType) else 8


def _tag(kind: Value) -> str:
    """How LLVM's intrinsics name a vector type, such as v16f32."""
    letter = "i" if isinstance(kind.element, ir.IntType) else "f"
    return f"v{kind.count}{letter}{8 * _bytes(kind.element)}"
