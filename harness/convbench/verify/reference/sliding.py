"""Sums and maxima of sliding windows along one dimension, whatever the length of the window.

By definition a window of k taps takes k steps. Windows that overlap much share most of them: what 2 m taps give is what
m taps give, combined with the same m taps further on, so that k taps take about 2 log2(k) steps. Nothing is ever
subtracted: each sum is one of its own terms, in the order of a pairwise summation, and infinities stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis

Array = NDArray[Any]
Largest = tuple[Array, Array]
"""The largest element of each window, and the number of the first tap that reads it."""


def window_sums(values: Array, dim: int, axis: Axis, count: int) -> Array:
    """Sum of each of the first `count` windows along a dimension of a padded array; of the same dtype, a new array.

    >>> window_sums(np.array([1, 2, 4, 8, 16]), 0, Axis(size=5, kernel=3), 3).tolist()
    [7, 14, 28]
    """
    if _is_shared(axis, count):
        return _doubled_sums(values, dim, axis, count)
    if count < axis.kernel:
        sums = [values[window].sum(axis=dim, dtype=values.dtype) for window in _windows(dim, axis, count)]
        return np.stack(sums, axis=dim)
    total = np.zeros(_shape(values, dim, count), values.dtype)
    for taps in _taps(dim, axis, count):
        total += values[taps]
    return total


def spread_sums(values: Array, dim: int, axis: Axis) -> Array:
    """The adjoint of `window_sums`: the sum of the values of all windows that read each place of the padded array.

    >>> spread_sums(np.array([1, 2, 4]), 0, Axis(size=5, kernel=3)).tolist()
    [1, 3, 7, 6, 4]
    """
    count = values.shape[dim]
    reach, behind = (count - 1) * axis.stride + 1, axis.extent - 1
    if not _is_shared(axis, count):
        places = np.zeros(_shape(values, dim, reach + behind), values.dtype)
        if count < axis.kernel:
            for number, window in enumerate(_windows(dim, axis, count)):
                places[window] += values[_at(dim, slice(number, number + 1))]
        else:
            for taps in _taps(dim, axis, count):
                places[taps] += values
        return places
    # A place is read by the windows that start up to an extent before it: windows over the starts, seen backward.
    starts = np.zeros(_shape(values, dim, reach + 2 * behind), values.dtype)
    starts[_at(dim, slice(behind, behind + reach, axis.stride))] = values
    backward = Axis(size=reach + 2 * behind, kernel=axis.kernel, dilation=axis.dilation)
    return _doubled_sums(starts, dim, backward, reach + behind)


def first_largest(values: Array, dim: int, axis: Axis, count: int) -> Largest:
    """The largest element of each of the first `count` windows, and its first tap. NaN counts as the largest.

    >>> largest, taps = first_largest(np.array([1, 5, 5, 2, 7]), 0, Axis(size=5, kernel=3), 3)
    >>> largest.tolist(), taps.tolist()
    ([5, 5, 7], [1, 0, 2])
    """
    if not _is_shared(axis, count) and count < axis.kernel:
        taps = np.stack([values[window].argmax(axis=dim) for window in _windows(dim, axis, count)], axis=dim)
        starts = np.arange(count).reshape(-1, *(1,) * (values.ndim - dim - 1)) * axis.stride
        return np.take_along_axis(values, starts + taps * axis.dilation, dim), taps
    number = np.min_scalar_type(axis.kernel)
    if not _is_shared(axis, count):
        zeros = np.zeros(_shape(values, dim, count), number)
        return reduce(
            _first_larger,
            ((values[taps], zeros + number.type(tap)) for tap, taps in enumerate(_taps(dim, axis, count))),
        )
    return _doubled_largest((values, np.zeros(values.shape, number)), dim, axis, count)


def _is_shared(axis: Axis, count: int) -> bool:
    """Whether windows overlap so much that it is less work to combine parts that they share."""
    reach = (count - 1) * axis.stride + 1
    return axis.kernel > 4 and 2 * axis.kernel.bit_length() * reach < count * axis.kernel


def _doubled_sums(values: Array, dim: int, axis: Axis, count: int) -> Array:
    """The sums of 1, 2, 4, ... taps, and of those that the binary digits of the kernel name."""
    reach, taps = (count - 1) * axis.stride + 1, 0
    total = np.zeros(_shape(values, dim, reach), values.dtype)
    for digit in range(axis.kernel.bit_length()):
        if digit:
            ahead = 2 ** (digit - 1) * axis.dilation
            values = values[_at(dim, slice(None, -ahead))] + values[_at(dim, slice(ahead, None))]
        if axis.kernel >> digit & 1:
            start = taps * axis.dilation
            total += values[_at(dim, slice(start, start + reach))]
            taps += 2**digit
    return total[_at(dim, slice(None, None, axis.stride))]


def _doubled_largest(parts: Largest, dim: int, axis: Axis, count: int) -> Largest:
    """The maxima of 1, 2, 4, ... taps, and at last of two such parts that may overlap."""
    reach, taps = (count - 1) * axis.stride + 1, 1

    def ahead(parts: Largest, by: int) -> tuple[Largest, Largest]:
        """The parts, and those so many taps further on."""
        (values, numbers), places = parts, by * axis.dilation
        here, there = _at(dim, slice(None, values.shape[dim] - places)), _at(dim, slice(places, None))
        return (values[here], numbers[here]), (values[there], numbers[there] + numbers.dtype.type(by))

    while 2 * taps <= axis.kernel:
        parts = _first_larger(*ahead(parts, taps))
        taps *= 2
    if taps < axis.kernel:
        parts = _first_larger(*ahead(parts, axis.kernel - taps))
    chosen = _at(dim, slice(0, reach, axis.stride))
    return parts[0][chosen], parts[1][chosen]


def _first_larger(one: Largest, other: Largest) -> Largest:
    """The larger of two elements, the first where they are equal; NaN is larger than a number."""
    larger = ~(one[0] >= other[0]) & (one[0] == one[0])  # NaN is not equal to itself
    return np.where(larger, other[0], one[0]), np.where(larger, other[1], one[1])


def _taps(dim: int, axis: Axis, count: int) -> Iterator[tuple[slice, ...]]:
    """What each tap reads of the padded dimension, over the first windows."""
    reach = (count - 1) * axis.stride + 1
    for start in range(0, axis.extent, axis.dilation):
        yield _at(dim, slice(start, start + reach, axis.stride))


def _windows(dim: int, axis: Axis, count: int) -> Iterator[tuple[slice, ...]]:
    """What each of the first windows reads of the padded dimension."""
    for start in range(0, count * axis.stride, axis.stride):
        yield _at(dim, slice(start, start + axis.extent, axis.dilation))


def _at(dim: int, places: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * dim, places)


def _shape(values: Array, dim: int, size: int) -> tuple[int, ...]:
    return (*values.shape[:dim], size, *values.shape[dim + 1 :])
