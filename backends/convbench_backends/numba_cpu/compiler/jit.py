# ruff: noqa: ARG001  # an intrinsic is typed by arguments that its code reads by position
"""How kernels are compiled and run: every option of Numba, and its reason, in one place.

    @part    a piece of a kernel, woven into it at compile time
    @kernel  the body of a parallel loop, def kernel(task, tasks, thread, *arrays);
             `name(tasks, *arrays)` runs all of its tasks, 0 to tasks - 1

- A kernel is compiled once an element type, as a function that one small parallel loop calls by its address. A loop
  that held the body itself would compile it three times over: Numba links and optimises it again at every level.
- `reassoc` and `contract` let LLVM vectorise sums and fuse multiply-adds; NaN, infinity and division keep their IEEE
  meaning, which a maximum over -inf relies on.
- Compiled code is kept on disk only where NUMBA_CACHE_DIR names a folder: Numba does not see that a kernel is stale
  when only a part in another file was edited, so a cache must not outlive the run that asked for it.
- Kernels are functions of a module, never closures: what a closure holds enters Numba's cache key, and an intrinsic
  has a new identity in each process.
- Tasks are dealt to threads in equal runs, in order; a kernel whose result depends on the deal must not sum across
  tasks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba import prange, types
from numba.np.ufunc import parallel as threads
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.emit import cgutils
from convbench_backends.numba_cpu.compiler.vector import intrinsic

__all__ = ["ROUNDS", "Kernel", "kernel", "part", "threading_layer"]

Function = TypeVar("Function", bound=Callable[..., object])

_OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
}
_CACHE = bool(os.environ.get("NUMBA_CACHE_DIR"))

ROUNDS = 4
"""Tasks a thread where planes or rows are dealt out: few, as each costs a call, but a late thread can be waited for."""

_njit: Any = numba.njit
_typeof: Any = numba.typeof
_array_type: Any = types.Array

thread_number: Callable[[], int] = threads.get_thread_id
"""Within a kernel: the number of the running thread, from 0."""
threading_layer: Callable[[], str] = threads.threading_layer
"""The library whose threads run kernels; known once a kernel has run."""


def part(function: Function) -> Function:
    """A piece of kernels, compiled within each of them."""
    return cast("Function", _njit(inline="always", **_OPTIONS)(function))


class Kernel:
    """The body of a parallel loop over tasks, compiled when first called with an element type."""

    def __init__(self, body: Callable[..., None]) -> None:
        self.body = body
        self._compiled: dict[tuple[np.dtype[Any], ...], Any] = {}

    def __call__(self, tasks: int, *arrays: NDArray[Any]) -> None:
        """Run body(task, tasks, thread, *arrays) for every task; arrays are C-contiguous, as at the first call."""
        key = tuple(array.dtype for array in arrays)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._compile(arrays)
        _run(compiled.address, tasks, *arrays)

    def _compile(self, arrays: tuple[NDArray[Any], ...]) -> Any:
        arguments = [_array_type(_typeof(array).dtype, array.ndim, "C") for array in arrays]
        signature = types.void(types.int64, types.int64, types.int64, *arguments)
        return numba.cfunc(signature, cache=_CACHE, **_OPTIONS)(self.body)


def kernel(body: Callable[..., None]) -> Kernel:
    """Make a kernel of the body of a parallel loop."""
    return Kernel(body)


@intrinsic  # type: ignore[untyped-decorator]  # Numba is typed in part
def _call(_typing: Any, address: Any, task: Any, tasks: Any, thread: Any, arrays: Any) -> Any:
    """Call a compiled kernel by its address.

    Numba can take a compiled function as an argument, too, but needs 8 microseconds a call to find out what it is.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = [*args[1:4], *cgutils.unpack_tuple(builder, args[4])]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.intp, types.int64, types.int64, types.int64, arrays), emit


@_njit(parallel=True, cache=_CACHE, **_OPTIONS)  # type: ignore[untyped-decorator]  # Numba is typed in part
def _run(address: int, tasks: int, *arrays: NDArray[Any]) -> None:
    for task in prange(tasks):
        _call(address, np.int64(task), np.int64(tasks), np.int64(thread_number()), arrays)
