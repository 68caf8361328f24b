"""Depthwise convolution of small planes: many planes lie side by side, and one einsum takes the windows of them all.

A plane is one channel of one image, with one filter. As columns, its product is that of a vector and a matrix, and the
time goes into copies. Here the same place of all planes is one row of memory, so that each tap adds a row of x times a
row of w to a row of y. The gradient of x is the same over dy with the flipped kernel; where the stride
is more than 1, over dy with zeros between its places, without the taps that meet zeros.

Shapes: x and dx (N, C, H, W), w and dw (C, 1, R, S), b and db (C,), y and dy (N, C, OH, OW).
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from convbench_backends.numpy_im2col.blocks import BLOCK_BYTES, Convolution, longest, parts
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import Array
from convbench_backends.numpy_im2col.windows import Windows
from convbench_specs import Axis

SMALL_PLANE = 400
"""Most places of a plane of y; the rows of larger ones are long enough for columns."""
APART = 16
"""Numbers between the rows of memory, so that they are no power of two apart and meet in no set of the cache."""


def is_small_depthwise(conv: Convolution) -> bool:
    """Whether a convolution has one filter for each channel, and small planes that dx has windows for."""
    height, width = conv.windows.output
    is_depthwise = 1 < conv.groups == conv.channels == conv.filters and not conv.windows.is_pointwise
    return is_depthwise and height * width <= SMALL_PLANE and conv.windows.adjoint() is not None


def correlate(
    x: Array,
    w: Array,
    b: Array | None,
    windows: Windows,
    crew: Crew,
    *,
    y: Array,
    apart: tuple[int, int] = (1, 1),
) -> Array:
    """The forward pass, written into y, which is returned; the places of x lie `apart`, with zeros between."""
    planes, outputs = _planes(x), _planes(y)
    blocks = _cut(len(planes), windows, y.dtype, crew.threads)

    def task(part: range) -> None:
        padded = _rows_of_planes(longest(blocks), windows.padded, y.dtype)
        products = _rows_of_planes(longest(blocks), windows.output, y.dtype)
        filters = _rows_of_planes(longest(blocks), windows.kernel, y.dtype)
        for block in blocks[part.start : part.stop]:
            count = block.stop - block.start
            channels = np.arange(block.start, block.stop) % len(w)
            filters[:count] = w[channels, 0]
            _fill(padded[:count], planes[block], windows, apart)
            taps = _taps(padded[:count], windows)
            for i, j in np.ndindex(*apart):
                r, s = _meeting(windows.rows, apart[0], i), _meeting(windows.columns, apart[1], j)
                places = products[:count, i :: apart[0], j :: apart[1]]
                of_places = taps[:, i :: apart[0], j :: apart[1], r, s]
                np.einsum("pijrs,prs->pij", of_places, filters[:count, r, s], out=places)
            if b is not None:
                products[:count] += b[channels, np.newaxis, np.newaxis]
            outputs[block] = products[:count]

    crew.share(task, len(blocks), work=y.size * w[0].size)
    return y


def input_gradient(dy: Array, w: Array, windows: Windows, crew: Crew, dx: Array) -> Array:
    """The gradient of x, written into dx, which is returned."""
    adjoint = windows.adjoint()
    assert adjoint is not None
    return correlate(dy, w[..., ::-1, ::-1], None, adjoint, crew, y=dx, apart=windows.stride)


def weight_gradient(x: Array, dy: Array, windows: Windows, crew: Crew, dw: Array) -> Array:
    """The gradient of w, written into dw (C, 1, R, S); returns db."""
    planes, outputs = _planes(x), _planes(dy)
    blocks = _cut(len(planes), windows, x.dtype, crew.threads)
    of_planes = np.empty((*windows.kernel, len(planes)), x.dtype).transpose(2, 0, 1)
    sums = np.empty(len(planes), x.dtype)

    def task(part: range) -> None:
        padded = _rows_of_planes(longest(blocks), windows.padded, x.dtype)
        gradient = _rows_of_planes(longest(blocks), windows.output, x.dtype)
        for block in blocks[part.start : part.stop]:
            count = block.stop - block.start
            _fill(padded[:count], planes[block], windows, (1, 1))
            gradient[:count] = outputs[block]
            taps = _taps(padded[:count], windows)
            np.einsum("pijrs,pij->prs", taps, gradient[:count], out=of_planes[block])
            np.einsum("pij->p", gradient[:count], out=sums[block])

    crew.share(task, len(blocks), work=dy.size * dw[0].size)
    of_planes.reshape(len(x), *dw.shape).sum(axis=0, out=dw)
    db: Array = sums.reshape(x.shape[:2]).sum(axis=0)
    return db


def _planes(images: Array) -> Array:
    """View (N * C, height, width) of images."""
    return images.reshape(images.shape[0] * images.shape[1], *images.shape[2:])


def _rows_of_planes(planes: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Zeros of shape (planes, height, width), which lie in memory as (height, width, planes)."""
    return np.zeros((*shape, planes + APART), dtype).transpose(2, 0, 1)[:planes]


def _fill(padded: Array, planes: Array, windows: Windows, apart: tuple[int, int]) -> None:
    """Put the places of planes into padded ones."""
    (top, left), (down, along) = (windows.rows.before, windows.columns.before), apart
    padded[:, top : top + windows.rows.size : down, left : left + windows.columns.size : along] = planes


def _taps(padded: Array, windows: Windows) -> Array:
    """A view (planes, OH, OW, R, S): the windows of padded planes."""
    extents = (windows.rows.extent, windows.columns.extent)
    every = np.lib.stride_tricks.sliding_window_view(padded, extents, axis=(1, 2))
    down, along = windows.stride
    return every[:, ::down, ::along, :: windows.rows.dilation, :: windows.columns.dilation]


def _meeting(axis: Axis, apart: int, place: int) -> slice:
    """The taps that meet places of the input, which lie `apart`, in the window at a place and in each `apart` on."""
    taps = [tap for tap in range(axis.kernel) if (place + tap * axis.dilation - axis.before) % apart == 0]
    return slice(taps[0], taps[-1] + 1, apart // gcd(apart, axis.dilation)) if taps else slice(0)


def _cut(planes: int, windows: Windows, dtype: np.dtype[Any], threads: int) -> tuple[slice, ...]:
    """The blocks of some planes."""
    height, width = windows.padded
    return parts(planes, max(1, BLOCK_BYTES // (height * width * dtype.itemsize)), times=threads)
