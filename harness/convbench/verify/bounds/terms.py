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


def reached_share(case: Case, tensor: TensorName, batch_size: int) -> float:
    """Share of the elements of a result that have any term but padding; the others are 0, or the bias."""
    operation = case.operation
    if tensor in ("dw", "db") and batch_size == 0:
        return 0.0
    if tensor == "db" or isinstance(operation, Flatten):
        return 1.0
    if tensor == "y" and isinstance(operation, Conv) and operation.bias:
        return 1.0
    mode: PaddingMode = operation.padding_mode if isinstance(operation, Conv) else "zeros"
    if tensor == "dx":
        return prod(float(np.mean(_readers_along(axis, mode) > 0)) for axis in case.axes)
    others = 1 if tensor == "y" else 0  # the axis of _reads that an element sums up: taps, or for dw windows
    return prod(float(np.mean(_on_input(axis, _reads(axis, mode)).any(axis=others))) for axis in case.axes)


def _readers(axes: tuple[Axis, ...], mode: PaddingMode) -> NDArray[np.int64]:
    """Pairs of window and tap that read each place, an array over the axes."""
    return reduce(np.multiply.outer, [_readers_along(axis, mode) for axis in axes])


def _readers_along(axis: Axis, mode: PaddingMode) -> NDArray[np.int64]:
    places = _reads(axis, mode)
    return np.bincount(places[_on_input(axis, places)], minlength=axis.size)


def _reads(axis: Axis, mode: PaddingMode) -> NDArray[np.int64]:
    """The input place that each window, in rows, reads with each tap, in columns."""
    windows, taps = np.arange(axis.output), np.arange(axis.kernel)
    places = windows[:, None] * axis.stride + taps * axis.dilation - axis.before
    return places.clip(0, axis.size - 1) if mode == "edge" else places


def _on_input(axis: Axis, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (places >= 0) & (places < axis.size)
