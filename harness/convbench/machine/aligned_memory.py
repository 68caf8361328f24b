"""Arrays that begin at a cache line, as the contract promises of everything that a backend is given."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import ALIGNMENT_BYTES


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros in row-major order; they take no memory until they are written, as the system maps one page for all."""
    size = prod(shape) * dtype.itemsize
    memory = np.zeros(size + ALIGNMENT_BYTES, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in memory of their own, in row-major order."""
    copy = aligned_zeros(array.shape, array.dtype)
    copy[...] = array
    return copy
