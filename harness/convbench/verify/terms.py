"""What is added up for one element of a result: how many terms, K of the error bound, and of what kind.

- y: a window's taps times the channels of a group, and the bias. Taps on padding count.
- dx: the pairs of window and tap that read the place, times the filters of a group; it differs from place to place.
  With edge padding a border element also collects what reads its copies.
- dw and db: every place of every instance.
"""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Conv, Flatten, PaddingMode, Pool, TensorName

Terms = int | NDArray[np.int64]
"""One number for all elements, or an array that broadcasts against the tensor."""


def terms_of(case: Case, tensor: TensorName, batch_size: int) -> Terms:
    """Number of terms of the elements of a result; 1 for flatten and for the y of a maximum, which only choose."""
    operation = case.operation
    if tensor in ("dw", "db"):
        return batch_size * prod(axis.output for axis in case.axes)
    taps = prod(axis.kernel for axis in case.axes)
    if isinstance(operation, Conv):
        if tensor == "y":
            return taps * (operation.in_channels // operation.groups) + operation.bias
        return _readers(case.axes, operation.padding_mode) * (operation.out_channels // operation.groups)
    if isinstance(operation, Flatten):
        return 1
    if tensor == "y":
        return taps if operation.kind == "average" else 1
    return _readers(case.axes, "zeros").reshape(-1, *case.input_shape[1:])


def most_terms(case: Case, tensor: TensorName, batch_size: int) -> int:
    """The largest number of terms of any element."""
    return int(np.max(terms_of(case, tensor, batch_size)))


def is_chosen(case: Case, tensor: TensorName) -> bool:
    """Whether each element is 0 or a copy of one of the input: flatten, and maxima whose gradients are not summed."""
    if isinstance(case.operation, Flatten):
        return True
    return isinstance(case.operation, Pool) and case.operation.kind == "max" and most_terms(case, tensor, 1) == 1


def is_random(case: Case, tensor: TensorName) -> bool:
    """Whether the terms have random signs, as dy, weights and most inputs do; averages and lines of photos do not."""
    averages = isinstance(case.operation, Pool) and case.operation.kind == "average"
    return not (tensor == "y" and case.x_data == "photos" and (averages or case.w_data == "lines"))


def _readers(axes: tuple[Axis, ...], mode: PaddingMode) -> NDArray[np.int64]:
    """Pairs of window and tap that read each place, an array over the axes."""
    return reduce(np.multiply.outer, [_readers_along(axis, mode) for axis in axes])


def _readers_along(axis: Axis, mode: PaddingMode) -> NDArray[np.int64]:
    windows, taps = np.arange(axis.output), np.arange(axis.kernel)
    places = (windows[:, None] * axis.stride + taps * axis.dilation - axis.before).ravel()
    if mode == "edge":
        places = places.clip(0, axis.size - 1)
    inside = places[(places >= 0) & (places < axis.size)]
    return np.bincount(inside, minlength=axis.size)
