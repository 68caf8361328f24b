"""Maximum and average over windows and their gradients, exactly as defined, tap by tap or window by window.

Arrays come in the canonical shapes of the case. Inside they are seen as maps, (N x C, *spatial), so that pooling over
channels, whose maps are (channels, all of space), is pooling over ordinary axes. Maps are taken a part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.reference.products import PART_ELEMENTS
from convbench.verify.reference.windows import Places, fold, pad, parts, tap_places, window_places
from convbench_specs import Case, Pool

Array = NDArray[Any]


def maximum(case: Case, x: Array, dtype: Any) -> Array:
    """Largest element of each window: y of a maximum."""
    y = np.empty(case.y_shape(len(x)), dtype)
    x_maps, y_maps = _x_maps(case, x), _y_maps(case, y)
    for part in _parts(case, x_maps):
        y_maps[part] = _first_largest(case, x_maps[part])[0]
    return y


def maximum_gradient(case: Case, x: Array, dy: Array, dtype: Any) -> Array:
    """Gradient by x: each dy goes to the first of the largest elements of its window, in row-major order."""
    dx = np.empty(x.shape, dtype)
    x_maps, dx_maps, dy_maps = _x_maps(case, x), _x_maps(case, dx), _y_maps(case, dy)
    for part in _parts(case, x_maps):
        first = _first_largest(case, x_maps[part])[1]
        padded = pad(np.zeros_like(dx_maps[part]), case.axes, "zeros", 0.0, dtype)
        sums = np.bincount(_read_places(case, first, padded.shape), dy_maps[part].ravel(), minlength=padded.size)
        dx_maps[part] = fold(sums.reshape(padded.shape), case.axes, "zeros")
    return dx


def window_sum(case: Case, x: Array, dtype: Any) -> Array:
    """Sum over each window, in the shape of y; `divisors` makes it an average."""
    y = np.zeros(case.y_shape(len(x)), dtype)
    x_maps, y_maps = _x_maps(case, x), _y_maps(case, y)
    for part in _parts(case, x_maps):
        padded = pad(x_maps[part], case.axes, "zeros", 0.0, dtype)
        if _few_windows(case):
            for window, places in _windows(case):
                y_maps[part][window] = padded[places].sum(axis=_along(case))
        else:
            for places in tap_places(case.axes):
                y_maps[part] += padded[places]
    return y


def window_spread(case: Case, dy: Array, dtype: Any) -> Array:
    """The adjoint of window_sum: each dy is added to every element of its window; in the shape of x."""
    dx = np.empty(case.x_shape(len(dy)), dtype)
    dx_maps, dy_maps = _x_maps(case, dx), _y_maps(case, dy)
    for part in _parts(case, dx_maps):
        padded = pad(np.zeros_like(dx_maps[part]), case.axes, "zeros", 0.0, dtype)
        if _few_windows(case):
            for window, places in _windows(case):
                padded[places] += np.expand_dims(dy_maps[part][window], _along(case))
        else:
            for places in tap_places(case.axes):
                padded[places] += dy_maps[part]
        dx_maps[part] = fold(padded, case.axes, "zeros")
    return dx


def divisors(case: Case) -> NDArray[np.float64]:
    """What an average divides the sum of each window by; broadcasts against y.

    Taps on padding count if count_include_pad says so, what ceil mode hangs over never does.
    """
    assert isinstance(case.operation, Pool)
    padding = case.operation.count_include_pad
    along = [np.array(axis.taps(count_padding=padding), np.float64) for axis in case.axes]
    return np.asarray(reduce(np.multiply.outer, along)).reshape(-1, *case.output_shape[1:])


def _x_maps(case: Case, x: Array) -> Array:
    """View of x, or of what has its shape, as (maps, *axes)."""
    return x.reshape(-1, *(axis.size for axis in case.axes))


def _y_maps(case: Case, y: Array) -> Array:
    """View of y, or of what has its shape, as (maps, *axes)."""
    return y.reshape(-1, *(axis.output for axis in case.axes))


def _few_windows(case: Case) -> bool:
    """Whether there are fewer windows than taps, and so less to go through."""
    return prod(axis.output for axis in case.axes) < prod(axis.kernel for axis in case.axes)


def _windows(case: Case) -> Iterator[tuple[Any, Places]]:
    """The index of each window in y maps, and the places of padded maps that its taps read."""
    outputs = np.ndindex(*(axis.output for axis in case.axes))
    for window, places in zip(outputs, window_places(case.axes), strict=True):
        yield (slice(None), *window), places


def _along(case: Case) -> tuple[int, ...]:
    """The dimensions of maps along which windows slide."""
    return tuple(range(1, 1 + len(case.axes)))


def _first_largest(case: Case, x_maps: Array) -> tuple[Array, Array]:
    """Largest element of each window, and the number of the first tap that reads it; NaN is larger than any number.

    A window of nothing but -infinity has its first tap on the input: padding never wins.
    """
    padded = pad(x_maps, case.axes, "zeros", -np.inf, x_maps.dtype)
    largest = np.full((len(x_maps), *(axis.output for axis in case.axes)), -np.inf, x_maps.dtype)
    first = np.empty(largest.shape, np.min_scalar_type(prod(axis.kernel for axis in case.axes)))
    first[...] = _first_taps(case)
    if _few_windows(case):
        for window, places in _windows(case):
            elements = padded[places].reshape(len(x_maps), -1)
            largest[window] = elements.max(axis=1)
            np.copyto(first[window], elements.argmax(axis=1), where=largest[window] != -np.inf, casting="unsafe")
        return largest, first
    for number, places in enumerate(tap_places(case.axes)):
        larger = ~(padded[places] <= largest) & ~np.isnan(largest)
        np.copyto(largest, padded[places], where=larger)
        np.copyto(first, number, where=larger, casting="unsafe")
    return largest, first


def _first_taps(case: Case) -> Array:
    """The number of the first tap of each window that lies on the input, an array over the windows."""
    first = np.zeros((), int)
    for axis in case.axes:
        starts = np.arange(axis.output) * axis.stride - axis.before
        first = np.add.outer(first * axis.kernel, np.maximum(0, -(starts // axis.dilation)))
    return first


def _read_places(case: Case, taps: Array, padded_shape: tuple[int, ...]) -> Array:
    """Flat places in padded maps that the windows read, each with its own tap; one axis.

    The place of window o and tap t along an axis is o * stride + t * dilation, so flat places of both can be added.
    """
    maps, *sizes = padded_shape
    steps = [prod(sizes[dim + 1 :]) for dim in range(len(sizes))]
    starts = [np.arange(axis.output) * axis.stride * step for axis, step in zip(case.axes, steps, strict=True)]
    offsets = [np.arange(axis.kernel) * axis.dilation * step for axis, step in zip(case.axes, steps, strict=True)]
    of_map = np.arange(maps).reshape(-1, *(1,) * len(sizes)) * prod(sizes)
    of_tap = reduce(np.add.outer, offsets).ravel()[taps]
    return np.asarray(of_map + reduce(np.add.outer, starts) + of_tap).ravel()


def _parts(case: Case, maps: Array) -> Iterator[slice]:
    """Parts of the maps that a working array has room for."""
    elements = prod(max(axis.size, axis.output) for axis in case.axes)
    return parts(len(maps), max(1, PART_ELEMENTS // elements))
