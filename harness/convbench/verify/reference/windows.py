"""Where the windows of an operation lie in a padded array.

This repeats, on purpose, what convbench_specs.pad_array and unpad_gradient do for backends: the oracle must not share a
mistake with what it judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Axis, PaddingMode

Places = tuple[EllipsisType | slice, ...]
"""An index that picks places along the last axes of an array."""


def tap_places(axes: tuple[Axis, ...], rows: slice | None = None) -> list[Places]:
    """For each tap, in row-major order, the places of the padded array that the windows read with it.

    `rows` takes only some windows of the first axis.
    """
    windows = [slice(0, axis.output) for axis in axes]
    if rows is not None:
        windows[0] = rows
    along = [
        [_read(axis, chosen, tap) for tap in range(axis.kernel)] for axis, chosen in zip(axes, windows, strict=True)
    ]
    return [(..., *places) for places in product(*along)]


def pad(x: NDArray[Any], axes: tuple[Axis, ...], mode: PaddingMode, fill: float, dtype: Any) -> NDArray[Any]:
    """Copy of x padded along its last axes, up to the end of the last window."""
    lead = x.shape[: x.ndim - len(axes)]
    if mode == "edge":
        for dim, axis in enumerate(axes, start=len(lead)):
            x = x.take(np.arange(-axis.before, _length(axis) - axis.before).clip(0, axis.size - 1), axis=dim)
        return x.astype(dtype, copy=False)
    padded = np.full((*lead, *map(_length, axes)), fill, dtype)
    padded[_inside(axes)] = x
    return padded


def fold(padded: NDArray[Any], axes: tuple[Axis, ...], mode: PaddingMode) -> NDArray[Any]:
    """The adjoint of `pad`, in place: what reached the padding is dropped, or with "edge" added to what it repeats."""
    first = padded.ndim - len(axes)
    if mode == "edge":
        for dim, axis in enumerate(axes, start=first):
            here = np.moveaxis(padded, dim, 0)
            here[axis.before] += here[: axis.before].sum(axis=0)
            here[axis.before + axis.size - 1] += here[axis.before + axis.size :].sum(axis=0)
    return padded[_inside(axes)]


def parts(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover range(count)."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _read(axis: Axis, windows: slice, tap: int) -> slice:
    """Where the windows read with a tap, along one axis of the padded array."""
    first, last = windows.start * axis.stride, (windows.stop - 1) * axis.stride
    return slice(first + tap * axis.dilation, last + tap * axis.dilation + 1, axis.stride)


def _length(axis: Axis) -> int:
    return axis.padded + axis.overhang


def _inside(axes: tuple[Axis, ...]) -> Places:
    """Where in a padded array the input is."""
    return (..., *(slice(axis.before, axis.before + axis.size) for axis in axes))
