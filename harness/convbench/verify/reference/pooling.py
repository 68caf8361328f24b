"""Maximum and average over windows and their gradients, exactly as defined, one axis after the other.

Arrays come in the canonical shapes of the case. Inside they are seen as maps, (N x C, *spatial), so that pooling over
channels, whose maps are (channels, all of space), is pooling over ordinary axes. They are taken a block at a time: some
maps, or where a map is long some windows of its first axis, with what these windows read.

A window is a rectangle of taps, so its sum is that of the sums of its rows, and its first largest element in row-major
order is in the first of its rows that has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.reference.products import PART_ELEMENTS
from convbench.verify.reference.sliding import first_largest, spread_sums, window_sums
from convbench.verify.reference.windows import parts
from convbench_specs import Axis, Case, Pool

Array = NDArray[Any]


def maximum(case: Case, x: Array, dtype: Any) -> Array:
    """Largest element of each window: y of a maximum."""
    y = np.empty(case.y_shape(len(x)), dtype)
    x_maps, y_maps = _x_maps(case, x), _y_maps(case, y)
    for block in _blocks(case, len(x_maps)):
        y_maps[block.outputs] = _first_largest(block, block.read(x_maps, -np.inf, _wide(x)))[0]
    return y


def maximum_gradient(case: Case, x: Array, dy: Array, dtype: Any) -> Array:
    """Gradient by x: each dy goes to the first of the largest elements of its window, in row-major order."""
    dx = np.zeros(x.shape, dtype)
    x_maps, dx_maps, dy_maps = _x_maps(case, x), _x_maps(case, dx), _y_maps(case, dy)
    for block in _blocks(case, len(x_maps)):
        padded = block.read(x_maps, -np.inf, _wide(x))
        places = _first_largest(block, padded)[1]
        places += np.arange(len(padded)).reshape(-1, *(1,) * len(case.axes)) * prod(padded.shape[1:])
        sums = np.bincount(places.ravel(), dy_maps[block.outputs].ravel(), minlength=padded.size)
        block.add(dx_maps, sums.reshape(padded.shape))
    return dx


def window_sum(case: Case, x: Array, dtype: Any) -> Array:
    """Sum over each window, in the shape of y; `divisors` makes it an average."""
    y = np.empty(case.y_shape(len(x)), dtype)
    x_maps, y_maps = _x_maps(case, x), _y_maps(case, y)
    for block in _blocks(case, len(x_maps)):
        sums = block.read(x_maps, 0.0, dtype)
        for dim, axis, count in block.along():
            sums = window_sums(sums, dim, axis, count)
        y_maps[block.outputs] = sums
    return y


def window_spread(case: Case, dy: Array, dtype: Any) -> Array:
    """The adjoint of window_sum: each dy is added to every element of its window; in the shape of x."""
    dx = np.zeros(case.x_shape(len(dy)), dtype)
    dx_maps, dy_maps = _x_maps(case, dx), _y_maps(case, dy)
    for block in _blocks(case, len(dx_maps)):
        sums = np.asarray(dy_maps[block.outputs], dtype)
        for dim, axis, _ in block.along():
            sums = spread_sums(sums, dim, axis)
        block.add(dx_maps, sums)
    return dx


def divisors(case: Case) -> NDArray[np.float64]:
    """What an average divides the sum of each window by; read-only, with the output axes, broadcasts against y."""
    outputs, (_, *places) = [axis.output for axis in case.axes], case.output_shape
    return np.broadcast_to(shared_divisors(case), (prod(outputs) // prod(places), *places))


def shared_divisors(case: Case) -> NDArray[np.float64]:
    """The same, but one number with axes of length 1 where it is the same for all windows.

    Taps on padding count if count_include_pad says so, what ceil mode hangs over never does.
    """
    assert isinstance(case.operation, Pool)
    padding = case.operation.count_include_pad
    if all(axis.fewest_taps == axis.kernel for axis in case.axes):  # the same for all, however many they are
        return np.full((1,) * len(case.output_shape), float(prod(axis.kernel for axis in case.axes)))
    along = [axis.taps(count_padding=padding) for axis in case.axes]
    return np.asarray(reduce(np.multiply.outer, along), np.float64).reshape(-1, *case.output_shape[1:])


@dataclass(frozen=True, slots=True)
class _Block:
    """Some maps, and some windows of their first axis."""

    axes: tuple[Axis, ...]
    maps: slice
    windows: slice

    @property
    def outputs(self) -> tuple[slice, slice]:
        """Where in y maps the windows are."""
        return self.maps, self.windows

    def along(self) -> Iterator[tuple[int, Axis, int]]:
        """Dimension of maps, axis and number of windows, the last axis first."""
        counts = [self.windows.stop - self.windows.start, *(axis.output for axis in self.axes[1:])]
        yield from reversed([(dim, *each) for dim, each in enumerate(zip(self.axes, counts, strict=True), start=1)])

    def read(self, x_maps: Array, fill: float, dtype: Any) -> Array:
        """A copy of what the windows read of x maps, with padding."""
        spans = self.spans()
        padded = np.full((self.maps.stop - self.maps.start, *(stop - start for start, stop in spans)), fill, dtype)
        on_input, on_padded = self._places(spans)
        padded[on_padded] = x_maps[on_input]
        return padded

    def add(self, dx_maps: Array, padded: Array) -> None:
        """Add to dx maps what came to the places that the windows read; what came to padding is dropped."""
        on_input, on_padded = self._places(self.spans())
        dx_maps[on_input] += padded[on_padded]

    def spans(self) -> list[tuple[int, int]]:
        """From where to where the windows reach along each axis; the input is 0 .. size - 1."""
        windows = [self.windows, *(slice(0, axis.output) for axis in self.axes[1:])]
        return [
            (some.start * axis.stride - axis.before, (some.stop - 1) * axis.stride + axis.extent - axis.before)
            for axis, some in zip(self.axes, windows, strict=True)
        ]

    def _places(self, spans: list[tuple[int, int]]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """The input that the windows reach: its places in x maps, and in what `read` gives."""
        on_input, on_padded = [self.maps], [slice(None)]
        for axis, (start, stop) in zip(self.axes, spans, strict=True):
            low, high = min(max(0, start), axis.size), min(axis.size, max(0, stop))
            on_input.append(slice(low, high))
            on_padded.append(slice(low - start, high - start))
        return tuple(on_input), tuple(on_padded)


def _blocks(case: Case, maps: int) -> Iterator[_Block]:
    """All windows of all maps, as many at a time as a working array has room for.

    What windows read beyond those before them is not to be less than what they share with them.
    """
    first, *others = case.axes
    row = prod(max(axis.padded + axis.overhang, axis.output) for axis in others)
    at_once = max(1, PART_ELEMENTS // (row * max(first.padded, first.output)))
    windows = max(1, PART_ELEMENTS // (row * first.stride), first.extent // first.stride)
    for some in parts(maps, at_once):
        for rows in parts(first.output, windows):
            yield _Block(case.axes, some, rows)


def _x_maps(case: Case, x: Array) -> Array:
    """View of x, or of what has its shape, as (maps, *axes)."""
    return x.reshape(-1, *(axis.size for axis in case.axes))


def _y_maps(case: Case, y: Array) -> Array:
    """View of y, or of what has its shape, as (maps, *axes)."""
    return y.reshape(-1, *(axis.output for axis in case.axes))


def _wide(x: Array) -> Any:
    """The dtype in which elements are compared: NumPy has no fast float16."""
    return np.promote_types(x.dtype, np.float32)


def _first_largest(block: _Block, padded: Array) -> tuple[Array, Array]:
    """Largest element of each window, and at which place of its padded map the first one is; NaN is the largest.

    A window of nothing but -infinity has its first place on the input: padding never wins.
    """
    largest, places, first = padded, np.zeros((), np.int64), np.zeros((), np.int64)
    for dim, axis, count in block.along():
        largest, taps = first_largest(largest, dim, axis, count)
        step, (start, _) = prod(padded.shape[dim + 1 :]), block.spans()[dim - 1]
        starts = np.arange(count).reshape(-1, *(1,) * (largest.ndim - dim - 1)) * axis.stride
        read = starts + taps.astype(np.int64) * axis.dilation
        inside = np.take_along_axis(places, read, dim) if places.ndim else places
        places = inside + read * step
        on_input = np.maximum(0, -((start + starts) // axis.dilation)) * axis.dilation
        first = first + (starts + on_input) * step
    lowest = np.isneginf(largest)
    return largest, np.where(lowest, first, places) if lowest.any() else places
