"""The three products of a convolution, exactly as defined, tap by tap.

Each is bilinear, y in (x, w), dx in (dy, w), dw in (x, dy), which is all that the oracle needs: the same functions of
absolute values or of squares give the sizes that an error bound is made of. Sums run in the dtype that is asked for.

Inside, a part of the batch is held as (groups, channels of a group, places), so that a tap is one matrix product a
group, of weights and of inputs shifted by the tap. Few channels are made up for by several taps at once. Beside one
padded instance and a share of dw no working array is much larger than PART_ELEMENTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.reference.windows import Places, fold, pad, parts, tap_places
from convbench_specs import Case, Conv

PART_ELEMENTS = 2**16
"""How many elements a working array should have: half a megabyte of float64."""

Array = NDArray[Any]
Each = Callable[..., Array]
"""A NumPy function of each element that leaves 0 as it is: what is to be made of the factors, a part at a time."""


def forward(case: Case, x: Array, w: Array, dtype: Any, each: Each | None = None) -> Array:
    """Compute y without bias, (N, K, *output), from x (N, C, *spatial) and w (K, C/groups, *kernel)."""
    kernel = _kernel(case, w, dtype, each)
    y = np.empty(case.y_shape(len(x)), dtype)
    for part in _instances(case, len(x)):
        padded = _padded(case, x[part], dtype, each)
        for rows, taps in _rows(case, padded.shape[2]):
            total: Any = 0.0
            for some in _taps(taps, padded):
                total = _matrix(kernel[:, :, some]) @ _gather(padded, taps[some]) + total
            y[part, :, rows] = _ungroup(total, y[part, :, rows].shape)
    return y


def input_gradient(case: Case, dy: Array, w: Array, dtype: Any, each: Each | None = None) -> Array:
    """Compute dx, (N, C, *spatial), from dy (N, K, *output) and w."""
    kernel = _kernel(case, w, dtype, each)
    dx = np.empty(case.x_shape(len(dy)), dtype)
    for part in _instances(case, len(dy)):
        padded = _padded(case, np.broadcast_to(np.zeros((), dtype), dx[part].shape), dtype)
        for rows, taps in _rows(case, padded.shape[2]):
            grouped = _grouped(case, dy[part, :, rows], dtype, each)
            for some in _taps(taps, padded):
                share = _matrix(kernel[:, :, some]).swapaxes(1, 2) @ grouped
                for place, values in zip(taps[some], np.split(share, len(taps[some]), axis=1), strict=True):
                    padded[place] += values.reshape(padded[place].shape)
        inner = fold(padded, case.axes, _conv(case).padding_mode)
        dx[part] = _ungroup(inner, dx[part].shape)
    return dx


def weight_gradient(case: Case, x: Array, dy: Array, dtype: Any, each: Each | None = None) -> Array:
    """Compute dw, (K, C/groups, *kernel), from x and dy."""
    operation = _conv(case)
    filters, channels, *taps_along = operation.w_shape
    dw = np.zeros((operation.groups, filters // operation.groups, prod(taps_along), channels), dtype)
    for part in _instances(case, len(x)):
        padded = _padded(case, x[part], dtype, each)
        for rows, taps in _rows(case, padded.shape[2]):
            grouped = _grouped(case, dy[part, :, rows], dtype, each)
            for some in _taps(taps, padded):
                here = dw[:, :, some]
                here += (grouped @ _gather(padded, taps[some]).swapaxes(1, 2)).reshape(here.shape)
    return np.ascontiguousarray(dw.swapaxes(2, 3)).reshape(operation.w_shape)


def _conv(case: Case) -> Conv:
    assert isinstance(case.operation, Conv)
    return case.operation


def _instances(case: Case, batch_size: int) -> Iterator[slice]:
    """Parts of the batch."""
    return parts(batch_size, max(1, PART_ELEMENTS // max(prod(case.input_shape), prod(case.output_shape))))


def _rows(case: Case, instances: int) -> Iterator[tuple[slice, list[Places]]]:
    """Parts of the first axis of the output, each with the places that its windows read with each tap."""
    windows, *others = case.output_shape[1:]
    row = instances * max(case.input_shape[0], case.output_shape[0]) * prod(others)
    for rows in parts(windows, max(1, PART_ELEMENTS // row)):
        yield rows, tap_places(case.axes, rows)


def _taps(taps: list[Places], padded: Array) -> Iterator[slice]:
    """Parts of the taps, as many at once as a working array has room for."""
    return parts(len(taps), max(1, PART_ELEMENTS // max(1, padded[taps[0]].size)))


def _kernel(case: Case, w: Array, dtype: Any, each: Each | None) -> Array:
    """Weights as (groups, filters of a group, taps, channels of a group)."""
    groups, (filters, channels) = _conv(case).groups, w.shape[:2]
    split = w.reshape(groups, filters // groups, channels, -1)
    return _copy(split.swapaxes(2, 3), dtype, each)


def _matrix(kernel: Array) -> Array:
    """Weights of some taps as a matrix (filters, taps x channels) a group."""
    return kernel.reshape(*kernel.shape[:2], -1)


def _padded(case: Case, x: Array, dtype: Any, each: Each | None = None) -> Array:
    """Some instances as (groups, channels of a group, instances, *padded); a copy."""
    operation = _conv(case)
    grouped = x.reshape(len(x), operation.groups, -1, *x.shape[2:])
    padded = pad(np.moveaxis(grouped, 0, 2), case.axes, operation.padding_mode, 0.0, dtype)
    return padded if each is None else each(padded, out=padded)


def _gather(padded: Array, taps: list[Places]) -> Array:
    """What some windows read with some taps, as a matrix (taps x channels, places) a group."""
    groups, channels, *places = padded[taps[0]].shape
    gathered = np.empty((groups, len(taps), channels, *places), padded.dtype)
    for number, place in enumerate(taps):
        gathered[:, number] = padded[place]
    return gathered.reshape(groups, len(taps) * channels, -1)


def _grouped(case: Case, dy: Array, dtype: Any, each: Each | None) -> Array:
    """Some instances and rows of dy as a matrix (filters, places) a group."""
    grouped = dy.reshape(len(dy), _conv(case).groups, -1, prod(dy.shape[2:]))
    moved = _copy(np.moveaxis(grouped, 0, 2), dtype, each)
    return moved.reshape(*moved.shape[:2], -1)


def _copy(values: Array, dtype: Any, each: Each | None) -> Array:
    """What is made of each element, contiguous; the values themselves where nothing is to be done."""
    if each is None:
        return np.ascontiguousarray(values, dtype)
    copy = np.array(values, dtype, order="C")
    return each(copy, out=copy)


def _ungroup(values: Array, shape: tuple[int, ...]) -> Array:
    """(groups, channels of a group, instances x places) as instances of a shape (instances, channels, *places)."""
    instances, channels, *places = shape
    return np.moveaxis(values.reshape(channels, instances, *places), 1, 0)
