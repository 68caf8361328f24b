"""Maximum and average over windows and their gradients, exactly as defined, tap by tap.

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

from convbench.verify.products import PART_ELEMENTS
from convbench.verify.windows import fold, pad, parts, tap_places
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
        for number, places in enumerate(tap_places(case.axes)):
            np.add(padded[places], dy_maps[part], out=padded[places], where=first == number)
        dx_maps[part] = fold(padded, case.axes, "zeros")
    return dx


def window_sum(case: Case, x: Array, dtype: Any) -> Array:
    """Sum over each window, in the shape of y; `divisors` makes it an average."""
    y = np.zeros(case.y_shape(len(x)), dtype)
    x_maps, y_maps = _x_maps(case, x), _y_maps(case, y)
    for part in _parts(case, x_maps):
        padded = pad(x_maps[part], case.axes, "zeros", 0.0, dtype)
        for places in tap_places(case.axes):
            y_maps[part] += padded[places]
    return y


def window_spread(case: Case, dy: Array, dtype: Any) -> Array:
    """The adjoint of window_sum: each dy is added to every element of its window; in the shape of x."""
    dx = np.empty(case.x_shape(len(dy)), dtype)
    dx_maps, dy_maps = _x_maps(case, dx), _y_maps(case, dy)
    for part in _parts(case, dx_maps):
        padded = pad(np.zeros_like(dx_maps[part]), case.axes, "zeros", 0.0, dtype)
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


def _first_largest(case: Case, x_maps: Array) -> tuple[Array, Array]:
    """Largest element of each window, and the number of the first tap that reads it."""
    padded = pad(x_maps, case.axes, "zeros", -np.inf, x_maps.dtype)
    taps = tap_places(case.axes)
    largest = np.full(padded[taps[0]].shape, -np.inf, x_maps.dtype)
    first = np.zeros(largest.shape, np.min_scalar_type(len(taps)))
    for number, places in enumerate(taps):
        larger = padded[places] > largest
        np.copyto(largest, padded[places], where=larger)
        np.copyto(first, number, where=larger, casting="unsafe")
    return largest, first


def _parts(case: Case, maps: Array) -> Iterator[slice]:
    """Parts of the maps that a working array has room for."""
    elements = prod(max(axis.size, axis.output) for axis in case.axes)
    return parts(len(maps), max(1, PART_ELEMENTS // elements))
