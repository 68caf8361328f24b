"""Flatten, in either order.

Where a result is a view of x or dy, the caller may hold it beyond an update: new values come in new arrays.
"""

from __future__ import annotations

import numpy as np

from convbench_backends.numba_cpu.geometry import Array
from convbench_specs import Case, Flatten, Prepared, Tensors


class _Held:
    """The tensors of a case, in arrays of its own."""

    def __init__(self, tensors: Tensors) -> None:
        self.x: Array = tensors.x
        self.dy: Array = tensors.dy

    def update(self, tensors: Tensors) -> None:
        """Hold copies of other tensors."""
        self.x, self.dy = tensors.x.copy(), tensors.dy.copy()


def flatten(case: Case, tensors: Tensors) -> Prepared:
    """A view in the order of memory, a transposing copy in the other."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    held, n, features = _Held(tensors), len(tensors.x), case.output_shape[0]
    if operation.order == "channels_first":
        return Prepared(
            forward=lambda: held.x.reshape(n, features),
            backward=lambda: (held.dy.reshape(held.x.shape), None, None),
            forward_for_training=lambda: held.x.reshape(n, features),
            algorithm="view",
            update=held.update,
        )
    channels = case.input_shape[0]
    places = features // channels

    def forward() -> Array:
        return np.ascontiguousarray(held.x.reshape(n, channels, places).transpose(0, 2, 1)).reshape(n, features)

    def backward() -> tuple[Array, None, None]:
        dx = np.ascontiguousarray(held.dy.reshape(n, places, channels).transpose(0, 2, 1))
        return dx.reshape(held.x.shape), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="transposing copy",
        update=held.update,
    )
