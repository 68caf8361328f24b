"""The door to numba.cuda, with types where Numba has none: what a kernel calls, and how functions become kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import cuda as numba_cuda

Function = TypeVar("Function", bound=Callable[..., object])

cuda: Any = numba_cuda
"""numba.cuda, of the package numba-cuda where it is installed."""

Array = Any
"""In a kernel: a flat array in the device's memory, or one in shared memory or registers."""
Real = Any
"""float32 or float64 of Numba: the type in which sums are taken."""


def kernel(function: Callable[..., None]) -> Any:
    """A kernel: kernel[blocks, threads](*arguments) launches it, compiled for the types of these arguments."""
    return cuda.jit(function)


def device_function(function: Function) -> Function:
    """A part of kernels, which only they can call."""
    compiled: Function = cuda.jit(device=True)(function)
    return compiled
