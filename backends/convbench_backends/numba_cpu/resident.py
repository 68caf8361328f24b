"""The tensors that stay with a case: every call reads them, and update puts new values into them.

What a call derives from them, such as weights in a kernel's order, it makes again each time, or update has to: nothing
may survive that was made of older values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convbench_backends.numba_cpu.geometry import Array
from convbench_backends.shared import aligned
from convbench_specs import Tensors


def copies(tensors: Tensors) -> Tensors:
    """Arrays of the backend's own with the same values."""
    w, b = (None if each is None else _copy(each) for each in (tensors.w, tensors.b))
    return Tensors(x=_copy(tensors.x), dy=_copy(tensors.dy), w=w, b=b)


def _copy(array: Array) -> Array:
    return aligned.flat_copy(array).reshape(array.shape)


@dataclass(frozen=True, slots=True)
class Resident:
    """The arrays of a case in the shapes that its kernels take, elements in canonical order."""

    x: Array
    dy: Array
    w: Array | None = None
    b: Array | None = None

    def update(self, tensors: Tensors) -> None:
        """Put new values of the same sizes and dtypes in place of the old ones."""
        pairs = (self.x, tensors.x), (self.dy, tensors.dy), (self.w, tensors.w), (self.b, tensors.b)
        for resident, values in pairs:
            if resident is not None and values is not None:
                np.copyto(resident, values.reshape(resident.shape))
