"""What is added up for one element of a result: how many terms, K of the error bound, and of what kind.

- y: a window's taps times the channels of a group, and the bias. Taps on padding count.
- dx: the pairs of window and tap that read the place, times the filters of a group; it differs from place to place.
  With edge padding a border element also collects what reads its copies.
- dw and db: every place of every instance.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Conv, Flatten, PaddingMode, Pool, TensorName

Terms = int | NDArray[Any]
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
    elif isinstance(operation, Flatten):
        return 1
    elif tensor == "y":
        return taps if operation.kind == "average" else 1
    filters, mode = _readers_of(operation)
    return _readers(case.axes, mode, filters).reshape(-1, *case.input_shape[1:])


def most_terms(case: Case, tensor: TensorName, batch_size: int) -> int:
    """The largest number of terms of any element."""
    operation = case.operation
    if tensor != "dx" or isinstance(operation, Flatten):
        return int(np.max(terms_of(case, tensor, batch_size)))
    filters, mode = _readers_of(operation)
    return filters * prod(int(readers_along(axis, mode).max(initial=0)) for axis in case.axes)


def is_chosen(case: Case, tensor: TensorName) -> bool:
    """Whether each element is 0 or a copy of one of the input: flatten, and maxima whose gradients are not summed."""
    if isinstance(case.operation, Flatten):
        return True
    return isinstance(case.operation, Pool) and case.operation.kind == "max" and most_terms(case, tensor, 1) == 1


def is_random(case: Case, tensor: TensorName) -> bool:
    """Whether the terms have random signs, as dy, weights and most inputs do.

    Averages and lines of photos or of negative inputs do not.
    """
    averages = isinstance(case.operation, Pool) and case.operation.kind == "average"
    return not (tensor == "y" and case.x_data != "random" and (averages or case.w_data == "lines"))


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
    along = {"y": _windows_on_input, "dx": _places_read, "dw": _taps_on_input}[tensor]
    return prod(float(np.mean(along(axis, mode))) for axis in case.axes)


def readers_along(axis: Axis, mode: PaddingMode) -> NDArray[np.int32]:
    """How many pairs of window and tap read each place of the input.

    Every window begins a run of as many steps as it has taps, a dilation apart, and ends it: the number of runs that
    cover a place is the running sum of beginnings less ends. That takes one pass along the axis; the definition,

    >>> axis = Axis(size=5, kernel=3, stride=2, before=1, after=1)
    >>> reads = [o * 2 - 1 + t for o in range(axis.output) for t in range(3)]
    >>> [reads.count(place) for place in range(5)]
    [1, 2, 1, 2, 1]
    >>> readers_along(axis, "zeros").tolist()
    [1, 2, 1, 2, 1]

    takes as many as the window has taps.
    """
    reach, run = (axis.output - 1) * axis.stride + 1, axis.kernel * axis.dilation
    steps = max(-(-(reach + run) // axis.dilation), -(-axis.padded // axis.dilation))
    counts = np.zeros((steps, axis.dilation), np.int32)
    if axis.output:
        counts.reshape(-1)[: reach : axis.stride] += 1
        counts.reshape(-1)[run : run + reach : axis.stride] -= 1
    np.cumsum(counts, axis=0, out=counts)
    padded, end = counts.reshape(-1), axis.before + axis.size
    inside = padded[axis.before : end]
    if mode == "edge":
        inside[0] += padded[: axis.before].sum()
        inside[-1] += padded[end:].sum()
    return inside


def _readers(axes: tuple[Axis, ...], mode: PaddingMode, each: int) -> NDArray[Any]:
    """Pairs of window and tap that read each place, so many times, an array over the axes; as narrow as they fit."""
    along = [readers_along(axis, mode) for axis in axes]
    most = each * prod(int(readers.max(initial=0)) for readers in along)
    if most >= 2**31:
        along = [readers.astype(np.int64) for readers in along]
    readers = reduce(np.multiply.outer, along)
    return readers if each == 1 else readers * each


def _readers_of(operation: Conv | Pool) -> tuple[int, PaddingMode]:
    """Of the terms of dx: how many filters each reader adds, and the padding."""
    if isinstance(operation, Conv):
        return operation.out_channels // operation.groups, operation.padding_mode
    return 1, "zeros"


def _places_read(axis: Axis, mode: PaddingMode) -> NDArray[np.bool_]:
    """Whether any window reads a place of the input."""
    return readers_along(axis, mode) > 0


def _windows_on_input(axis: Axis, mode: PaddingMode) -> NDArray[np.bool_] | float:
    """Whether each window reads the input with any tap."""
    return 1.0 if mode == "edge" else axis.taps() > 0


def _taps_on_input(axis: Axis, mode: PaddingMode) -> NDArray[np.bool_] | float:
    """Whether any window reads the input with each tap: taps are windows of windows, with the steps exchanged."""
    mirrored = replace(axis, kernel=axis.output, stride=axis.dilation, dilation=axis.stride, ceil_mode=False)
    return 1.0 if mode == "edge" else mirrored.taps()[: axis.kernel] > 0
