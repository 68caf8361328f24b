"""The two factors of every term of one element, gathered by index: y, dx, dw and db as sums that one can write down.

Slow for a whole tensor, exact and independent of the full oracle for some of its elements. Along each axis everything
follows from which input place a window reads with a tap; two axes combine freely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, Case, Conv, PaddingMode, Pool, TensorName, Tensors

Array = NDArray[Any]
Index = tuple[int, ...]
Factors = tuple[Array, Array]
OneElement = Callable[[Index], Factors]


def factors_of(case: Case, tensors: Tensors, name: TensorName) -> OneElement:
    """A function that gives for an element of a result the factors a_i and b_i of its terms, of any equal shapes."""
    operation = case.operation
    if isinstance(operation, Conv):
        return _convolution(case, operation, tensors, name)
    if isinstance(operation, Pool):
        return _pool(case, operation, tensors, name)
    return _flatten(case, tensors, name)


def _source(axis: Axis, window: Any, tap: Any, mode: PaddingMode) -> Any:
    """The input place that a window reads with a tap; outside of range(size) for padding of zeros."""
    place = window * axis.stride + tap * axis.dilation - axis.before
    return place.clip(0, axis.size - 1) if mode == "edge" else place


def _readers(axis: Axis, place: int, mode: PaddingMode) -> tuple[Array, Array]:
    """All pairs of window and tap that read an input place."""
    windows = np.arange(axis.output)[:, None]
    pairs = np.nonzero(_source(axis, windows, np.arange(axis.kernel), mode) == place)
    return pairs[0], pairs[1]


def _inside(axis: Axis, places: Array) -> Array:
    """Numbers of those places that are on the input."""
    return np.nonzero((places >= 0) & (places < axis.size))[0]


def _take(array: Array, indices: Sequence[Array]) -> Array:
    """The elements of the last axes at all combinations of the indices given for each."""
    for dim, index in enumerate(indices, start=array.ndim - len(indices)):
        array = array.take(index, axis=dim)
    return array


def _convolution(case: Case, operation: Conv, tensors: Tensors, name: TensorName) -> OneElement:
    x, dy, w, b, mode = tensors.x, tensors.dy, tensors.w, tensors.b, operation.padding_mode
    assert w is not None
    filters, channels = operation.out_channels // operation.groups, operation.in_channels // operation.groups

    def of_y(element: Index) -> Factors:
        n, k, *window = element
        sources = [_source(a, o, np.arange(a.kernel), mode) for a, o in zip(case.axes, window, strict=True)]
        taps = [_inside(a, s) for a, s in zip(case.axes, sources, strict=True)]
        group = slice(k // filters * channels, (k // filters + 1) * channels)
        read = _take(x[n, group], [s[t] for s, t in zip(sources, taps, strict=True)]).ravel()
        weights = _take(w[k], taps).ravel()
        return (read, weights) if b is None else (np.append(read, b[k]), np.append(weights, 1))

    def of_dx(element: Index) -> Factors:
        n, c, *place = element
        readers = [_readers(a, p, mode) for a, p in zip(case.axes, place, strict=True)]
        group = slice(c // channels * filters, (c // channels + 1) * filters)
        windows, taps = zip(*readers, strict=True)
        return _take(dy[n, group], windows), _take(w[group, c % channels], taps)

    def of_dw(element: Index) -> Factors:
        k, c, *tap = element
        sources = [_source(a, np.arange(a.output), t, mode) for a, t in zip(case.axes, tap, strict=True)]
        windows = [_inside(a, s) for a, s in zip(case.axes, sources, strict=True)]
        read = _take(x[:, k // filters * channels + c], [s[o] for s, o in zip(sources, windows, strict=True)])
        return read, _take(dy[:, k], windows)

    def of_db(element: Index) -> Factors:
        return dy[:, element[0]], np.ones_like(dy[:, element[0]])

    return {"y": of_y, "dx": of_dx, "dw": of_dw, "db": of_db}[name]


def _pool(case: Case, operation: Pool, tensors: Tensors, name: TensorName) -> OneElement:
    batch_size, one = len(tensors.x), np.ones(1)
    x, dy = tensors.x.reshape(case.x_view_shape(batch_size)), tensors.dy.reshape(case.y_view_shape(batch_size))
    divisors = [axis.taps(count_padding=operation.count_include_pad) for axis in case.axes]

    def divisor(window: Sequence[int]) -> float:
        return float(prod(along[o] for along, o in zip(divisors, window, strict=True)))

    def read(n: int, c: int, window: Sequence[int]) -> tuple[Array, list[Array]]:
        """The elements of a window that lie on the input, and the numbers of their taps along each axis."""
        sources = [_source(a, o, np.arange(a.kernel), "zeros") for a, o in zip(case.axes, window, strict=True)]
        taps = [_inside(a, s) for a, s in zip(case.axes, sources, strict=True)]
        return _take(x[n, c], [s[t] for s, t in zip(sources, taps, strict=True)]), taps

    def winner(n: int, c: int, window: Sequence[int]) -> tuple[int, ...]:
        """The tap of the first of the largest elements of a window, the first NaN where there is one."""
        values, taps = read(n, c, window)
        place = np.unravel_index(values.argmax(), values.shape)
        return tuple(int(along[number]) for along, number in zip(taps, place, strict=True))

    def of_y(element: Index) -> Factors:
        n, c, *window = _view_element(element, case.y_shape(batch_size), dy.shape)
        values, _ = read(n, c, window)
        if operation.kind == "max":
            return values.max(keepdims=True), one
        return values, np.full(values.shape, 1 / divisor(window))

    def of_dx(element: Index) -> Factors:
        n, c, *place = _view_element(element, case.x_shape(batch_size), x.shape)
        readers = [zip(*_readers(a, p, "zeros"), strict=True) for a, p in zip(case.axes, place, strict=True)]
        terms, weights = [], []
        for pairs in product(*readers):
            window, tap = zip(*pairs, strict=True)
            if operation.kind == "max" and winner(n, c, window) != tuple(map(int, tap)):
                continue
            terms.append(dy[(n, c, *window)])
            weights.append(1.0 if operation.kind == "max" else 1 / divisor(window))
        return np.array(terms, np.float64), np.array(weights)

    return of_y if name == "y" else of_dx


def _flatten(case: Case, tensors: Tensors, name: TensorName) -> OneElement:
    source = tensors.x if name == "y" else tensors.dy
    order, one = case.operation.order, np.ones(1)  # type: ignore[union-attr]  # it is a Flatten
    channels, *sizes = case.input_shape

    def of_y(element: Index) -> Factors:
        n, number = element
        if order == "channels_first":
            place = np.unravel_index(number, case.input_shape)
        else:
            *inside, channel = np.unravel_index(number, (*sizes, channels))
            place = (channel, *inside)
        return np.reshape(source[(n, *place)], 1), one

    def of_dx(element: Index) -> Factors:
        n, channel, *inside = element
        if order == "channels_first":
            number = np.ravel_multi_index((channel, *inside), case.input_shape)
        else:
            number = np.ravel_multi_index((*inside, channel), (*sizes, channels))
        return np.reshape(source[n, number], 1), one

    return of_y if name == "y" else of_dx


def _view_element(element: Index, shape: Index, view: Index) -> Index:
    """The same element of an array that is reshaped."""
    return tuple(int(i) for i in np.unravel_index(np.ravel_multi_index(element, shape), view))
