# ruff: noqa: ARG001  # a kernel takes its task and thread
"""bfloat16 as storage: tensors of 16 bits, widened to float32 within each pass, computed there and rounded once.

    stored, uint16    --widen-->   workspace, float32   --kernels of float32-->   result, float32   --narrow-->   uint16

- A number is held as its bits, the upper half of those of a float32. Widening is exact. Narrowing rounds to the nearest
  number, ties to the even one; infinity stays infinity and NaN stays NaN.
- What stays with a case and what a pass returns has 16 bits. The workspace holds nothing from one pass to the next:
  every pass widens all that it reads, in one parallel loop, for the tensors lie one behind the other.
- A flatten moves the bits and computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import Literal, get_args

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.jit import ROUNDS, kernel
from convbench_backends.numba_cpu.flatten import flatten
from convbench_backends.numba_cpu.geometry import Array
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output
from convbench_specs import Case, Conv, Flatten, Gradients, Prepared, Step, Tensors, Unsupported

Bits = NDArray[np.uint16]
Word = np.uint32
Words = NDArray[np.uint32]
"""The bits of float32 numbers."""

Name = Literal["b", "w", "x", "dy"]
"""The tensors in their order in memory: a forward pass reads all but the last, the backward pass of a convolution all
but the first."""
_ORDER: tuple[Name, ...] = get_args(Name)
_LINE = 32
"""Each of them begins at a multiple of so many numbers, a line of the cache in either type."""


@kernel
def widen(task: int, tasks: int, thread: int, bits: Bits, words: Words) -> None:
    """A share of the numbers as float32."""
    first, last = bits.size * task // tasks, bits.size * (task + 1) // tasks
    bits, words = bits[first:last], words[first:last]  # LLVM vectorises loops that begin at 0
    for i in range(bits.size):
        words[i] = Word(bits[i]) << Word(16)


@kernel
def narrow(task: int, tasks: int, thread: int, words: Words, bits: Bits) -> None:
    """A share of the numbers rounded: half of the last place that is kept is added, less one bit where that is even.

    Numba makes 64 bits of each operation on 32: cut back at once, a vector holds twice as many numbers.
    """
    first, last = bits.size * task // tasks, bits.size * (task + 1) // tasks
    words, bits = words[first:last], bits[first:last]
    for i in range(bits.size):
        word = words[i]
        upper = Word(word >> Word(16))
        nearest = Word(Word(Word(word + Word(0x7FFF)) + Word(upper & Word(1))) >> Word(16))
        is_nan = Word(word & Word(0x7FFFFFFF)) > Word(0x7F800000)
        bits[i] = Word(upper | Word(0x40)) if is_nan else nearest  # else a NaN could become infinity


def widened(bits: Bits) -> NDArray[np.float32]:
    """The numbers as float32, in a new array."""
    wide = np.empty(bits.shape, np.float32)
    widen(_tasks(), bits.reshape(-1), wide.reshape(-1).view(np.uint32))
    return wide


def narrowed(wide: Array, output: Output | None = None) -> Bits:
    """Float32 numbers rounded, in an array of the output or in a new one."""
    wide = np.ascontiguousarray(wide)
    bits = np.empty(wide.size, np.uint16) if output is None else output.take()
    narrow(_tasks(), wide.reshape(-1).view(np.uint32), bits)
    return bits.reshape(wide.shape)


def _tasks() -> int:
    return ROUNDS * get_num_threads()


class Store:
    """The tensors of a case in 16 bits, and the workspace that they are widened in.

    `wide` are the arrays of the workspace, float32, in the shapes of the case.
    """

    def __init__(self, tensors: Tensors) -> None:
        given = {name: array for name in _ORDER if (array := getattr(tensors, name)) is not None}
        sizes = [given[name].size if name in given else 0 for name in _ORDER]
        *firsts, end = accumulate((-(-size // _LINE) * _LINE for size in sizes), initial=0)
        self._first = dict(zip(_ORDER, firsts, strict=True))
        self._last = {name: first + size for (name, first), size in zip(self._first.items(), sizes, strict=True)}
        self._bits = aligned.zeros(end, np.dtype(np.uint16))
        wide = aligned.zeros(end, np.dtype(np.float32))
        self._words = wide.view(np.uint32)
        self.wide = Tensors(
            **{name: wide[self._first[name] : self._last[name]].reshape(array.shape) for name, array in given.items()}
        )
        self.put(tensors)

    def put(self, tensors: Tensors) -> None:
        """Store other values, float32 arrays of the same shapes; the workspace holds them as well."""
        for name in _ORDER:
            if getattr(self.wide, name) is not None:
                np.copyto(getattr(self.wide, name), getattr(tensors, name))
        self._narrow("b", "dy")
        self.widen("b", "dy")

    def put_dy(self, dy: Array) -> None:
        """Store another dy alone."""
        np.copyto(self.wide.dy, dy)
        self._narrow("dy", "dy")
        self.widen("dy", "dy")

    def widen(self, first: Name, last: Name) -> None:
        """Fill the workspace with the tensors from `first` to `last`, in the order b, w, x, dy."""
        span = slice(self._first[first], self._last[last])
        widen(_tasks(), self._bits[span], self._words[span])

    def _narrow(self, first: Name, last: Name) -> None:
        span = slice(self._first[first], self._last[last])
        narrow(_tasks(), self._words[span], self._bits[span])


def stored(
    case: Case, tensors: Tensors, make: Callable[[Case, Tensors], Prepared | Unsupported]
) -> Prepared | Unsupported:
    """The passes of a bfloat16 case.

    `make` prepares a case in float32 on arrays that it does not copy, as they are the workspace. Its passes read them,
    and its update and update_dy renew what it has made of them.
    """
    if isinstance(case.operation, Flatten):
        return _moved(case, tensors)
    store, n = Store(tensors), len(tensors.x)
    inner = make(case.with_dtype("float32"), store.wide)
    if isinstance(inner, Unsupported):
        return inner
    y_output = _output(case.y_shape(n))
    gradient_outputs = [_output(shape) for shape in (case.x_shape(n), case.w_shape or (), case.b_shape or ())]
    first_of_backward: Name = "w" if isinstance(case.operation, Conv) else "dy"

    def forward(call: Callable[[], Array] = inner.forward) -> Bits:
        store.widen("b", "x")
        return narrowed(call(), y_output)

    def gradients() -> Gradients:
        assert callable(inner.backward)
        results = zip(inner.backward(), gradient_outputs, strict=True)
        dx, dw, db = (None if wide is None else narrowed(wide, output) for wide, output in results)
        return dx, dw, db

    def backward() -> Gradients:
        store.widen(first_of_backward, "dy")
        return gradients()

    def both() -> Step:
        store.widen("b", "dy")
        return narrowed(inner.forward(), y_output), *gradients()

    def forward_for_training() -> tuple[Array, ...]:
        assert inner.forward_for_training is not None
        store.widen("b", "x")
        kept = inner.forward_for_training()
        y, *indices = kept if isinstance(kept, tuple) else (kept,)
        return narrowed(y, y_output), *indices

    def kept_forward() -> Bits:
        assert inner.kept_forward is not None
        return forward(inner.kept_forward)

    def update(new: Tensors) -> None:
        assert inner.update is not None
        store.put(new)
        inner.update(store.wide)  # the very arrays that it has: nothing is copied, and a maximum finds its winners anew

    def update_dy(new: Array) -> None:
        store.put_dy(new)
        if inner.update_dy is not None:
            inner.update_dy(store.wide.dy)

    return replace(
        inner,
        forward=forward,
        backward=backward,
        both=both,
        forward_for_training=forward_for_training,
        to_numpy=lambda _, bits: widened(bits),
        algorithm=f"{inner.algorithm}, stored in bfloat16",
        update=update,
        kept_forward=kept_forward if inner.kept_forward else None,
        update_dy=update_dy,
    )


def _output(shape: tuple[int, ...]) -> Output:
    return Output(shape, np.dtype(np.uint16))


def _moved(case: Case, tensors: Tensors) -> Prepared:
    """A flatten, on the bits."""

    def bits_of(tensors: Tensors) -> Tensors:
        return Tensors(x=narrowed(tensors.x), dy=narrowed(tensors.dy))

    inner = flatten(case, bits_of(tensors))
    assert inner.update is not None
    update = inner.update
    return replace(
        inner,
        to_numpy=lambda _, bits: widened(bits),
        algorithm=f"{inner.algorithm}, stored in bfloat16",
        update=lambda new: update(bits_of(new)),
    )
