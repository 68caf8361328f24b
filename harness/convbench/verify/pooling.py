"""Maximum and average over windows and their gradients, exactly as defined, one tap at a time.

Arrays come in the canonical shapes of the case; inside they are seen as x_view and y_view, in which pooling over channels
or over the whole input is pooling over ordinary axes.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.products import PART_ELEMENTS
from convbench.verify.windows import fold, pad, parts, tap_places
from convbench_specs import Case, Pool


def maximum(case: Case, x: NDArray[Any]) -> NDArray[Any]:
    """y of a maximum, in the dtype of x."""
    view = x.reshape(case.x_view_shape(len(x)))
    y = np.empty(case.y_view_shape(len(x)), x.dtype)
    for part in _parts(case, len(x)):
        y[part] = _first_largest(case, view[part])[0]
    return y.reshape(case.y_shape(len(x)))


def maximum_gradient(case: Case, x: NDArray[Any], dy: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """dx of a maximum: each dy goes to the first of the largest elements of its window, in row-major order."""
    view, dy_view = x.reshape(case.x_view_shape(len(x))), dy.reshape(case.y_view_shape(len(x)))
    dx = np.empty(view.shape, dtype)
    for part in _parts(case, len(x)):
        largest, first = _first_largest(case, view[part])
        padded = pad(np.zeros(view[part].shape, dtype), case.axes, "zeros", 0.0, dtype)
        for number, places in enumerate(tap_places(case.axes)):
            padded[places] += np.where(first == number, dy_view[part], 0).astype(dtype, copy=False)
        dx[part] = fold(padded, case.axes, "zeros")
        del largest
    return dx.reshape(case.x_shape(len(x)))


def window_sum(case: Case, x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Sum over each window, in the shape of y; `divisors` makes it an average."""
    view = x.reshape(case.x_view_shape(len(x)))
    y = np.zeros(case.y_view_shape(len(x)), dtype)
    for part in _parts(case, len(x)):
        padded = pad(view[part], case.axes, "zeros", 0.0, dtype)
        for places in tap_places(case.axes):
            y[part] += padded[places]
    return y.reshape(case.y_shape(len(x)))


def window_spread(case: Case, dy: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """The adjoint of window_sum: each dy is added to every element of its window; in the shape of x."""
    dy_view = dy.reshape(case.y_view_shape(len(dy)))
    dx = np.empty(case.x_view_shape(len(dy)), dtype)
    for part in _parts(case, len(dy)):
        padded = pad(np.zeros(dx[part].shape, dtype), case.axes, "zeros", 0.0, dtype)
        for places in tap_places(case.axes):
            padded[places] += dy_view[part]
        dx[part] = fold(padded, case.axes, "zeros")
    return dx.reshape(case.x_shape(len(dy)))


def divisors(case: Case) -> NDArray[np.float64]:
    """What an average divides the sum of each window by; broadcasts against y.

    Taps on padding count if count_include_pad says so, what ceil mode hangs over never does.
    """
    assert isinstance(case.operation, Pool)
    padding = case.operation.count_include_pad
    along = [np.array(axis.taps(count_padding=padding), np.float64) for axis in case.axes]
    return np.asarray(reduce(np.multiply.outer, along)).reshape(-1, *case.output_shape[1:])


def _first_largest(case: Case, view: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Largest element of each window, and the number of the first tap that reads it."""
    padded = pad(view, case.axes, "zeros", -np.inf, view.dtype)
    largest = np.full(case.y_view_shape(len(view)), -np.inf, view.dtype)
    first = np.zeros(largest.shape, np.int32)
    for number, places in enumerate(tap_places(case.axes)):
        here = padded[places]
        larger = here > largest
        np.copyto(largest, here, where=larger)
        first[larger] = number
    return largest, first


def _parts(case: Case, batch_size: int) -> Any:
    elements = max(np.prod(case.input_shape), np.prod(case.output_shape))
    return parts(batch_size, max(1, PART_ELEMENTS // int(elements)))
