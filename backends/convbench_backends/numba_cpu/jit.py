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
from numba import prange, types
from numba.np.ufunc import parallel as threads
from numpy.typing import NDArray

__all__ = ["Kernel", "kernel", "part", "threading_layer"]

Function = TypeVar("Function", bound=Callable[..., object])

_OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
}
_CACHE = bool(os.environ.get("NUMBA_CACHE_DIR"))

thread_number: Callable[[], int] = threads.get_thread_id
"""Within a kernel: the number of the running thread, from 0."""
threading_layer: Callable[[], str] = threads.threading_layer
"""The library whose threads run kernels; known once a kernel has run."""


def part(function: Function) -> Function:
    """A piece of kernels, compiled within each of them."""
    return cast("Function", numba.njit(inline="always", **_OPTIONS)(function))


class Kernel:
    """The body of a parallel loop over tasks, compiled when first called with an element type."""

    def __init__(self, body: Callable[..., None]) -> None:
        self.body = body
        self._compiled: dict[tuple[np.dtype[Any], ...], Any] = {}

    def __call__(self, tasks: int, *arrays: NDArray[Any]) -> None:
        """Run body(task, tasks, thread, *arrays) for every task; arrays are C-contiguous and keep their number of axes."""
        key = tuple(array.dtype for array in arrays)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._compile(arrays)
        _run(compiled, tasks, *arrays)

    def _compile(self, arrays: tuple[NDArray[Any], ...]) -> Any:
        arguments = [types.Array(numba.typeof(array).dtype, array.ndim, "C") for array in arrays]
        signature = types.void(types.int64, types.int64, types.int64, *arguments)
        return numba.cfunc(signature, cache=_CACHE, **_OPTIONS)(self.body)


def kernel(body: Callable[..., None]) -> Kernel:
    """Make a kernel of the body of a parallel loop."""
    return Kernel(body)


@numba.njit(parallel=True, cache=_CACHE, **_OPTIONS)
def _run(body: Callable[..., None], tasks: int, *arrays: NDArray[Any]) -> None:
    for task in prange(tasks):
        body(np.int64(task), np.int64(tasks), np.int64(thread_number()), *arrays)
