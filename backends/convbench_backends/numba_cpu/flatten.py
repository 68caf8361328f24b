"""Flatten, in either order."""

from __future__ import annotations

import numpy as np

from convbench_backends.numba_cpu.geometry import Array
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Flatten, Prepared, Tensors


def flatten(case: Case, tensors: Tensors) -> Prepared:
    """A view in the order of memory, a transposing copy in the other."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    x, dy, n = tensors.x.copy(), tensors.dy.copy(), len(tensors.x)
    update = Resident(x, dy).update
    features = case.output_shape[0]
    if operation.order == "channels_first":
        return Prepared(
            forward=lambda: x.reshape(n, features),
            backward=lambda: (dy.reshape(x.shape), None, None),
            forward_for_training=lambda: x.reshape(n, features),
            algorithm="view",
            update=update,
        )
    channels = case.input_shape[0]
    places = features // channels

    def forward() -> Array:
        return np.ascontiguousarray(x.reshape(n, channels, places).transpose(0, 2, 1)).reshape(n, features)

    def backward() -> tuple[Array, None, None]:
        return np.ascontiguousarray(dy.reshape(n, places, channels).transpose(0, 2, 1)).reshape(x.shape), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="transposing copy",
        update=update,
    )
