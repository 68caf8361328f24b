"""How kernels are compiled and run.

    @part    a piece of a kernel, woven into it at compile time
    @kernel  the body of a parallel loop, def kernel(task, tasks, thread, *arrays);
             `name(tasks, *arrays)` runs all of its tasks, 0 to tasks - 1, and one task on the calling thread;
             `name.alone(tasks, *arrays)` runs all of them on the calling thread

- A kernel is compiled once an element type, as a function that one small parallel loop calls by its address. A loop
  that held the body itself would compile it three times over: Numba links and optimises it again at every level.
- Kernels are functions of a module, or closures that hold numbers alone, which are then constants of the code: what a
  closure holds enters Numba's cache key, and an intrinsic has a new identity in each process.
- Tasks are dealt to threads in equal runs, in order; a kernel whose result depends on the deal must not sum across
  tasks.
- Work of a few microseconds is not dealt out: the threads would take longer to begin than to do it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.np.ufunc import parallel as threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.launch import launch
from convbench_backends.numba_cpu.compiler.options import CACHE, OPTIONS

__all__ = ["ROUNDS", "Kernel", "Run", "kernel", "part", "run_for", "shares", "threading_layer"]

Function = TypeVar("Function", bound=Callable[..., object])

ROUNDS = 4
"""Tasks a thread where planes or rows are dealt out: few, as each costs a call, but a late thread can be waited for."""
_ALONE_NS = 4_000
"""Nanoseconds of work on one thread that are not dealt out: a parallel region costs 1.5 us, and halves them at best."""

_njit: Any = numba.njit
_typeof: Any = numba.typeof
_array_type: Any = types.Array
_dtype_of: Callable[[Any], np.dtype[Any]] = attrgetter("dtype")

threading_layer: Callable[[], str] = threads.threading_layer
"""The library whose threads run kernels; known once a kernel has run."""


Run = Callable[..., None]
"""Of (tasks, *arrays)."""


def shares(nanoseconds: float, threads: int) -> int:
    """Tasks of a kernel that divides its work among any number of them, from about how long one thread would take."""
    return 1 if nanoseconds < _ALONE_NS else ROUNDS * threads


def run_for(nanoseconds: float, kernel: Kernel) -> Run:
    """How to run a kernel whose tasks are given, from about how long one thread would take for all of them."""
    return kernel.alone if nanoseconds < _ALONE_NS else kernel


def part(function: Function) -> Function:
    """A piece of kernels, compiled within each of them."""
    return cast("Function", _njit(inline="always", **OPTIONS)(function))


class Kernel:
    """The body of a parallel loop over tasks, compiled when first called with an element type."""

    def __init__(self, body: Callable[..., None]) -> None:
        self.body = body
        self._compiled: dict[tuple[np.dtype[Any], ...], Any] = {}
        self._addresses: dict[tuple[np.dtype[Any], ...], int] = {}

    def __call__(self, tasks: int, *arrays: NDArray[Any]) -> None:
        """Run body(task, tasks, thread, *arrays) for every task; arrays are C-contiguous, as at the first call."""
        launch(self._address(arrays), tasks, tasks == 1, *arrays)

    def alone(self, tasks: int, *arrays: NDArray[Any]) -> None:
        """The same on the calling thread, one task after the other: for work that is over before others begin."""
        launch(self._address(arrays), tasks, True, *arrays)  # noqa: FBT003  # Numba passes no keywords

    def _address(self, arrays: tuple[NDArray[Any], ...]) -> int:
        key = tuple(map(_dtype_of, arrays))
        address = self._addresses.get(key)
        if address is None:
            compiled = self._compiled[key] = self._compile(arrays)
            address = self._addresses[key] = int(compiled.address)
        return address

    def _compile(self, arrays: tuple[NDArray[Any], ...]) -> Any:
        arguments = [_array_type(_typeof(array).dtype, array.ndim, "C") for array in arrays]
        signature = types.void(types.int64, types.int64, types.int64, *arguments)
        return numba.cfunc(signature, cache=CACHE, **OPTIONS)(self.body)


def kernel(body: Callable[..., None]) -> Kernel:
    """Make a kernel of the body of a parallel loop."""
    return Kernel(body)
