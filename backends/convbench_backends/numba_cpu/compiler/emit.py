"""Numbers of LLVM's intermediate code as Python objects: arithmetic on them emits instructions.

    Int      an index, 64 bits            i + 1, i * pitch, i // 2, i < n
    Place    address of an element        place + i is i elements behind
    Vector   a register of numbers        a + b, a - b, a * b
    Slot     a variable of a loop         slot.value, read and set; LLVM keeps it in a register

A Python number may stand where an Int does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba.core import cgutils as numba_cgutils

Value = Any
"""A value of LLVM's intermediate code; llvmlite is untyped."""
Builder = Any
cgutils: Any = numba_cgutils

INDEX = ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Int:
    """An index; division and remainder are those of C."""

    builder: Builder
    value: Value

    @property
    def known(self) -> int | None:
        """The number, where the kernel's code gives it: what other numbers would need is then not emitted."""
        return int(self.value.constant) if isinstance(self.value, ir.Constant) else None

    def _with(self, operation: str, other: Int | int) -> Int:
        return Int(self.builder, getattr(self.builder, operation)(self.value, as_index(other)))

    def __add__(self, other: Int | int) -> Int:
        return self._with("add", other)

    def __sub__(self, other: Int | int) -> Int:
        return self._with("sub", other)

    def __mul__(self, other: Int | int) -> Int:
        return self._with("mul", other)

    def __floordiv__(self, other: Int | int) -> Int:
        return self._with("sdiv", other)

    def __mod__(self, other: Int | int) -> Int:
        return self._with("srem", other)

    def __neg__(self) -> Int:
        return Int(self.builder, self.builder.neg(self.value))

    def __lt__(self, other: Int | int) -> Value:
        return self._compare("<", other)

    def __ge__(self, other: Int | int) -> Value:
        return self._compare(">=", other)

    def __gt__(self, other: Int | int) -> Value:
        return self._compare(">", other)

    def equals(self, other: Int | int) -> Value:
        """Whether both are the same."""
        return self._compare("==", other)

    def _compare(self, operator: str, other: Int | int) -> Value:
        return self.builder.icmp_signed(operator, self.value, as_index(other))

    def at_most(self, other: Int | int) -> Int:
        """The smaller of both."""
        return self.where(self < other, other)

    def at_least(self, other: Int | int) -> Int:
        """The larger of both."""
        return self.where(self >= other, other)

    def where(self, condition: Value, other: Int | int) -> Int:
        """This index where the condition holds, else the other."""
        return Int(self.builder, self.builder.select(condition, self.value, as_index(other)))


def as_index(number: Int | int) -> Value:
    """The value of an index, or a constant."""
    return number.value if isinstance(number, Int) else ir.Constant(INDEX, number)


@dataclass(frozen=True, slots=True)
class Place:
    """Address of an element of an array; it may lie outside as long as nothing is read or written there."""

    builder: Builder
    address: Value

    def __add__(self, elements: Int | int) -> Place:
        return Place(self.builder, self.builder.gep(self.address, [as_index(elements)]))

    @property
    def number(self) -> Value:
        """The element."""
        return self.builder.load(self.address)

    @property
    def index(self) -> Int:
        """The element of an array of indices."""
        return Int(self.builder, self.number)

    def as_pointer(self, kind: Value) -> Value:
        """The address, as one of a value of another type."""
        return self.builder.bitcast(self.address, kind.as_pointer())


@dataclass(frozen=True, slots=True)
class Vector:
    """A register of numbers."""

    builder: Builder
    value: Value

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.builder, self.builder.fsub(self.value, other.value))

    def __mul__(self, other: Vector) -> Vector:
        return Vector(self.builder, self.builder.fmul(self.value, other.value))


class Slot:
    """A vector that a loop changes."""

    def __init__(self, first: Vector) -> None:
        self._builder = first.builder
        self._memory = cgutils.alloca_once(first.builder, first.value.type)
        self.value = first

    @property
    def value(self) -> Vector:
        """What was set last."""
        return Vector(self._builder, self._builder.load(self._memory))

    @value.setter
    def value(self, vector: Vector) -> None:
        self._builder.store(vector.value, self._memory)
