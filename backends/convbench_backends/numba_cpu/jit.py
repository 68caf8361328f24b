"""How kernels are compiled: every option of Numba, and its reason, in one place.

- `reassoc` and `contract` let LLVM vectorise sums and fuse multiply-adds; NaN, infinity and division keep their IEEE
  meaning, which a maximum over -inf relies on.
- Compiled code is kept on disk only where NUMBA_CACHE_DIR names a folder: Numba does not see that a kernel is stale
  when only an intrinsic in another file was edited, so a cache must not outlive the run that asked for it.
- Kernels are functions of a module, never closures: what a closure holds enters Numba's cache key, and an intrinsic
  has a new identity in each process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import prange
from numba.np.ufunc import parallel as threads

__all__ = ["parallel", "prange", "serial", "thread_number", "threading_layer"]

Kernel = TypeVar("Kernel", bound=Callable[..., object])

thread_number: Callable[[], int] = threads.get_thread_id
"""Within a kernel: the number of the running thread, from 0."""
threading_layer: Callable[[], str] = threads.threading_layer
"""The library whose threads run kernels; known once a parallel kernel has run."""

_OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
    "cache": bool(os.environ.get("NUMBA_CACHE_DIR")),
}


def serial(kernel: Kernel) -> Kernel:
    """Compile a kernel that runs within one thread."""
    return cast("Kernel", numba.njit(**_OPTIONS)(kernel))


def parallel(kernel: Kernel) -> Kernel:
    """Compile a kernel whose prange loops run on all threads."""
    return cast("Kernel", numba.njit(parallel=True, **_OPTIONS)(kernel))
