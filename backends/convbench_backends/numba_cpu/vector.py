"""Vectors of the machine's own width in LLVM's intermediate code, for the few loops that LLVM does not vectorise itself.

    a register of `lanes` numbers          | 0 | 1 | 2 | ... | lanes - 1 |
    load, store         all of it, from any address that holds a number of the type
    load_part           the first `count` numbers, zero in the rest; memory behind them is not touched
    store_part          the first `count` numbers; memory behind them is not touched

The width is asked of the compiler Numba uses, which honours NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, so that the kernels
of a smaller machine can be tested on a larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.np import arrayobj

Value = Any
"""A value of LLVM's intermediate code; llvmlite is untyped."""

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


def data(context: Any, builder: Any, array_type: Any, array: Value) -> Value:
    """Address of the first element of an array argument of an intrinsic."""
    return arrayobj.make_array(array_type)(context, builder, array).data


class Lanes:
    """Emits code for vectors of one element type; every method adds instructions at the builder's place."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.builder = builder
        self.element = context.get_value_type(element)
        self.itemsize = element.bitwidth // 8
        self.count = lanes_of(self.itemsize)
        self.type = ir.VectorType(self.element, self.count)
        self._tag = f"v{self.count}f{element.bitwidth}"

    def at(self, base: Value, index: Value) -> Value:
        """Address of the element `index` numbers behind `base`."""
        return self.builder.gep(base, [index])

    def zero(self) -> Value:
        """A vector of zeros."""
        return ir.Constant(self.type, [ir.Constant(self.element, 0.0)] * self.count)

    def load(self, address: Value) -> Value:
        """Read a vector."""
        return self.builder.load(self._as_vector(address), align=self.itemsize)

    def store(self, vector: Value, address: Value) -> None:
        """Write a vector."""
        self.builder.store(vector, self._as_vector(address), align=self.itemsize)

    def load_part(self, address: Value, count: Value) -> Value:
        """Read the first `count` numbers, at most a vector; a count below 1 reads nothing."""
        name = f"llvm.masked.load.{self._tag}.p0"
        kind = ir.FunctionType(self.type, [self.type.as_pointer(), _I32, self._mask_type, self.type])
        load = cgutils.get_or_insert_function(self.builder.module, kind, name)
        align = ir.Constant(_I32, self.itemsize)
        return self.builder.call(load, [self._as_vector(address), align, self._first(count), self.zero()])

    def store_part(self, vector: Value, address: Value, count: Value) -> None:
        """Write the first `count` numbers, at most a vector; a count below 1 writes nothing."""
        name = f"llvm.masked.store.{self._tag}.p0"
        kind = ir.FunctionType(ir.VoidType(), [self.type, self.type.as_pointer(), _I32, self._mask_type])
        store = cgutils.get_or_insert_function(self.builder.module, kind, name)
        align = ir.Constant(_I32, self.itemsize)
        self.builder.call(store, [vector, self._as_vector(address), align, self._first(count)])

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
        kind = ir.FunctionType(self.type, [self.type] * 3)
        fmuladd = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.fmuladd.{self._tag}")
        return self.builder.call(fmuladd, [a, b, c])

    def add(self, a: Value, b: Value) -> Value:
        """Compute a + b."""
        return self.builder.fadd(a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """Compute a - b."""
        return self.builder.fsub(a, b)

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

    @property
    def _undefined(self) -> Value:
        return ir.Constant(self.type, ir.Undefined)

    @property
    def _mask_type(self) -> Value:
        return ir.VectorType(_I1, self.count)

    def _first(self, count: Value) -> Value:
        """Mask of the lanes below `count`, in 32-bit counters: two compares at most on any machine."""
        counters = ir.VectorType(_I32, self.count)
        limit = self.builder.trunc(count, _I32)
        start = self.builder.insert_element(ir.Constant(counters, ir.Undefined), limit, ir.Constant(_I32, 0))
        limits = self.shuffle(start, start, [0] * self.count)
        return self.builder.icmp_signed("<", ir.Constant(counters, list(range(self.count))), limits)

    def _as_vector(self, address: Value) -> Value:
        return self.builder.bitcast(address, self.type.as_pointer())
