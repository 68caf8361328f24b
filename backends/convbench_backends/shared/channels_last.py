"""Between canonical arrays, channels first, and channels-last ones, for frameworks that compute on the latter.

Each function returns an array of its own, never a view of what it was given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Pool, TensorName, Tensors


def channels_last_tensors(tensors: Tensors) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """([x, w, b], dy) as far as the case has them: (N, *spatial, C) and (*kernel, C / groups, K); b as it is.

    The dy of a flatten is a row an instance and stays so.
    """
    inputs = [_moved(tensors.x, 1, -1)]
    if tensors.w is not None:
        inputs.append(np.array(np.moveaxis(tensors.w, (0, 1), (-1, -2)), order="C"))
    if tensors.b is not None:
        inputs.append(np.array(tensors.b))
    return inputs, channels_last_dy(tensors.dy)


def channels_last_dy(dy: NDArray[Any]) -> NDArray[Any]:
    """The dy alone: (N, *spatial, C)."""
    return _moved(dy, 1, -1)


def canonical(tensor: TensorName, native: NDArray[Any]) -> NDArray[Any]:
    """A result of channels-last computation in canonical layout."""
    if tensor == "dw":
        return np.array(np.moveaxis(native, (-1, -2), (0, 1)), order="C")
    return np.array(native) if tensor == "db" else _moved(native, -1, 1)


def layout_of(case: Case) -> str:
    """The order of axes in memory, by its name."""
    return ("NWC", "NHWC")[case.rank - 1]


def window_axes(case: Case) -> list[tuple[int, Axis]]:
    """(dimension of x, axis) of those that the window slides along, x being (N, *spatial, C)."""
    if isinstance(case.operation, Pool) and case.operation.over == "channels":
        return [(len(case.input_shape), case.axes[0])]
    return list(enumerate(case.axes, start=1))


def _moved(array: NDArray[Any], source: int, destination: int) -> NDArray[Any]:
    return np.array(np.moveaxis(array, source, destination), order="C")
