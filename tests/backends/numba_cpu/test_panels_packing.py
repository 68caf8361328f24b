"""Packing for products of panels: what each piece, tap, block and row is, against what NumPy makes by definition."""

from __future__ import annotations

import numpy as np
import pytest
from conv_shapes import conv_shapes
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.numba_cpu.compiler.jit import kernel
from convbench_backends.numba_cpu.compiler.vector import lanes_of
from convbench_backends.numba_cpu.convolution.panels import packing
from convbench_backends.numba_cpu.convolution.panels.packing import list_pieces, spread_row, take_taps
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import spans, taps

MARGIN = 7
"""Numbers before and behind a target that must stay as they are."""
each_dtype = pytest.mark.parametrize(
    "dtype", [pytest.param(np.float32, id="float32"), pytest.param(np.float64, id="float64", marks=pytest.mark.slow)]
)


@kernel
def list_all(task, tasks, thread, numbers, pieces, found):
    found[0] = list_pieces(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], pieces)


@kernel
def take_all(task, tasks, thread, x, numbers, rows, columns, pieces, target):
    """Every tap of every channel for the places numbers[0] to numbers[1] - 1, in rows of that length."""
    length = numbers[1] - numbers[0]
    count = list_pieces(numbers[0], numbers[1], rows.shape[1], numbers[2], length, 0, pieces)
    at = numbers[4]
    for channel in range(x.shape[1]):
        for r in range(rows.shape[0]):
            for s in range(columns.shape[0]):
                take_taps(
                    x.reshape(-1), x.shape[1], x.shape[2], x.shape[3], rows, columns, numbers[3], channel, r, s, pieces,
                    count, target, at,
                )  # fmt: skip
                at += length


@kernel
def spread(task, tasks, thread, source, numbers, target):
    spread_row(source, 0, numbers[0], numbers[1], numbers[2], target, numbers[3])


def untouched(count: int, dtype: type) -> np.ndarray:
    """A target of so many numbers with margins, NaN everywhere."""
    return np.full(count + 2 * MARGIN, np.nan, dtype)


def inside(target: np.ndarray) -> np.ndarray:
    """The target without its margins, which nothing was written to."""
    assert np.isnan(target[:MARGIN]).all()
    assert np.isnan(target[-MARGIN:]).all()
    return target[MARGIN:-MARGIN]


@given(st.data(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 100))
def test_pieces_are_each_place_once_and_in_order_within_rows(data, height, width, split):
    last = data.draw(st.integers(1, 300))
    first, panel_size = data.draw(st.integers(0, last - 1)), split + data.draw(st.integers(0, 50))
    pieces, found = np.empty((last, 5), np.int64), np.empty(1, np.int64)
    list_all(1, np.array([first, last, height, width, split, panel_size]), pieces, found)
    listed = pieces[: found[0]]
    assert (listed[:, packing.COLUMN] + listed[:, packing.COUNT] <= width).all()
    places, targets = [], []
    for image, row, column, count, target in listed:
        places += range((image * height + row) * width + column, (image * height + row) * width + column + count)
        targets += range(target, target + count)
    assert places == list(range(first, last))
    assert targets == [done // split * panel_size + done % split for done in range(last - first)]


def columns_by_definition(x: np.ndarray, shape) -> np.ndarray:
    """(taps, places): im2col of the padded x."""
    vertical, horizontal = shape.vertical, shape.horizontal
    padded = np.pad(x, ((0, 0), (0, 0), (vertical.before, vertical.after), (horizontal.before, horizontal.after)))
    i, j = (np.arange(axis.output) * axis.stride for axis in (vertical, horizontal))
    r, s = (np.arange(axis.kernel) * axis.dilation for axis in (vertical, horizontal))
    windows = padded[:, :, (r[:, None] + i)[:, None, :, None], (s[:, None] + j)[None, :, None, :]]
    return windows.transpose(1, 2, 3, 0, 4, 5).reshape(shape.patch, -1)


@each_dtype
@given(data=st.data(), shape=conv_shapes(st.integers(1, 3)))
def test_taps_are_the_columns_that_numpy_makes(dtype, data, shape):
    x = np.arange(1, 1 + np.prod(shape.x), dtype=dtype).reshape(shape.x)
    right = columns_by_definition(x, shape)
    last = data.draw(st.integers(1, right.shape[1]))
    first = data.draw(st.integers(0, last - 1))
    numbers = np.array([first, last, shape.horizontal.output, shape.horizontal.stride, MARGIN])
    target, pieces = untouched(shape.patch * (last - first), dtype), np.empty((last, 5), np.int64)
    take_all(1, x, numbers, taps(shape.vertical), spans(shape.horizontal), pieces, target)
    np.testing.assert_array_equal(inside(target).reshape(shape.patch, -1), right[:, first:last])


@each_dtype
@pytest.mark.parametrize("turned", [False, True])
@given(filters=st.integers(1, 40), depth=st.integers(1, 90), tasks=st.integers(1, 9))
def test_blocks_of_weights_hold_the_numbers_of_all_filters_for_each_tap(dtype, turned, filters, depth, tasks):
    lanes, blocks = lanes_of(np.dtype(dtype).itemsize), -(-filters // FILTERS)
    size = depth * FILTERS + max(FILTERS, lanes) * lanes
    w = np.arange(1, 1 + filters * depth, dtype=dtype).reshape(filters, depth)
    packed, sizes = np.full(blocks * size, np.nan, dtype), np.array([filters, depth, size])
    if turned:
        packing.pack_weights_turned(tasks, w.T.flatten(), sizes, packed)
    else:
        packing.pack_weights(tasks, w.flatten(), sizes, packed)
    filling = np.zeros((1, depth), dtype) if turned else w[-1:]
    right = np.concatenate([w, np.repeat(filling, blocks * FILTERS - filters, axis=0)]).reshape(blocks, FILTERS, depth)
    found = packed.reshape(blocks, size)[:, : depth * FILTERS].reshape(blocks, depth, FILTERS)
    np.testing.assert_array_equal(found, right.swapaxes(1, 2))


@each_dtype
@given(data=st.data(), count=st.integers(1, 70), step=st.integers(2, 5))
def test_a_row_is_spread_with_zeros_between_its_numbers_and_behind_them(dtype, data, count, step):
    rest = data.draw(st.integers(0, step - 1))
    target, source = untouched((count - 1) * step + 1 + rest, dtype), np.arange(1, 1 + count, dtype=dtype)
    spread(1, source, np.array([count, step, rest, MARGIN]), target)
    right = np.zeros((count - 1) * step + 1 + rest, dtype)
    right[::step] = source
    np.testing.assert_array_equal(inside(target), right)
