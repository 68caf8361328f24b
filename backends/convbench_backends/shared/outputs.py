"""Arrays for results, used again once nobody holds them.

A result of several megabytes that is allocated afresh costs a page fault for every page that is written first, which
takes as long as a fast kernel. Frameworks keep such memory in an allocator of their own; here an array is handed out
again when this pool holds the only reference to it. Whoever keeps a result, or a view of it, keeps it unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.shared import aligned

_KEPT = 2
"""Arrays kept a result: one that the caller still holds from the call before, and one to write."""


class Output:
    """Results of one shape and dtype; contents are those of an earlier result."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self._size = prod(shape)
        self._dtype = dtype
        self._kept: list[NDArray[Any]] = []

    def take(self) -> NDArray[Any]:
        """An array of one axis that nobody else holds: return it, or a view of it, as a result."""
        for index in range(len(self._kept)):
            if sys.getrefcount(self._kept[index]) == _UNHELD:
                return self._kept[index]
        fresh = aligned.empty(self._size, self._dtype)
        if len(self._kept) < _KEPT:
            self._kept.append(fresh)
        return fresh


_probe = [np.empty(0)]
_UNHELD = sys.getrefcount(_probe[0])
"""References to an array that only a list holds, counted in the same way."""
