"""Arrays that begin at a line of the cache, so that whole vectors of them lie in one line.

NumPy's own large arrays begin 16 bytes behind the start of a page: each vector of 64 bytes is then read from two lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE_BYTES = 64
"""Of a line of the cache, and of the longest vector."""


def empty(shape: int | Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of any content.

    Views of an array of one axis refer to it, as those of NumPy's own arrays do, not to the room that it lies in:
    outputs.py sees by this that a result is still held.
    """
    count = shape if isinstance(shape, int) else prod(shape)
    room = np.empty(count * dtype.itemsize + LINE_BYTES, np.uint8)
    array = np.frombuffer(room.data, dtype, count, -room.ctypes.data % LINE_BYTES)
    return array if isinstance(shape, int) else array.reshape(shape)


def zeros(shape: int | Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of zeros."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def flat_copy(array: NDArray[Any]) -> NDArray[Any]:
    """The elements of an array in C order, in one row."""
    copied = empty(array.size, array.dtype)
    copied.reshape(array.shape)[...] = array
    return copied
