"""Planes in frames of zeros: where their taps lie, and that vectors stay within a frame."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.numba_cpu.convolution.depthwise.frame import (
    TALLEST,
    Frame,
    Tile,
    forward_axes,
    forward_tile,
    gradient_axes,
    gradient_tile,
    make_frame,
    why_not_framed,
)
from convbench_backends.numba_cpu.geometry import PADDING, ConvShape, taps
from convbench_specs import Axis

ITEMSIZES = st.sampled_from([4, 8])


@st.composite
def depthwise_axes(draw: st.DrawFn) -> Axis:
    kernel, stride = draw(st.integers(1, TALLEST)), draw(st.sampled_from([1, 2]))
    before, after = (draw(st.integers(0, kernel + 2)) for _ in range(2))
    return Axis(size=draw(st.integers(kernel, 40)), kernel=kernel, stride=stride, before=before, after=after)


@st.composite
def depthwise_shapes(draw: st.DrawFn) -> ConvShape:
    channels = draw(st.integers(1, 40))
    return ConvShape(
        draw(st.integers(1, 3)), channels, channels, channels, draw(depthwise_axes()), draw(depthwise_axes())
    )


def framed(source: np.ndarray, frame: Frame, tile: Tile, step: int, itemsize: int) -> np.ndarray:
    """What the kernel that copies a plane makes of a frame of zeros, by whole vectors."""
    copied, lanes = np.zeros(frame.size), tile.lanes(itemsize)
    for row in range(frame.rows):
        start = frame.first + row * frame.source_width
        values = source.ravel()[start : start + frame.columns]
        for first, target in zip(range(step), (frame.target, frame.odd_target), strict=False):
            vectors = -(-frame.columns // (lanes * step))
            part = np.zeros(vectors * lanes)
            part[: len(values[first::step])] = values[first::step]
            place = target + row * frame.pitch
            assert place >= 0
            assert place + part.size <= frame.size
            copied[place : place + part.size] = part
    return copied


def vectors_of(tile: Tile, frame: Frame, itemsize: int) -> list[tuple[int, int]]:
    """Row and first column of the vectors of all tiles."""
    rows = -(-frame.grid_rows // tile.rows) * tile.rows
    span = tile.vectors * tile.lanes(itemsize)
    return [*product(range(rows), range(0, -(-frame.grid_columns // span) * span, tile.lanes(itemsize)))]


@given(depthwise_shapes(), ITEMSIZES)
def test_every_tap_of_y_lies_in_the_frame_where_the_axes_say_and_padding_is_zero(shape, itemsize):
    tile = forward_tile(shape, itemsize)
    frame, step = make_frame(forward_axes(shape), tile, shape.horizontal.kernel, itemsize), tile.step
    source = 1.0 + np.arange(shape.vertical.size * shape.horizontal.size).reshape(shape.x[2:])
    copied = framed(source, frame, tile, step, itemsize)
    down, across = taps(shape.vertical), taps(shape.horizontal)
    for i, j in vectors_of(tile, frame, itemsize):
        for r, s in product(range(shape.vertical.kernel), range(shape.horizontal.kernel)):
            place = (i * tile.stride + r) * frame.pitch + s % step * frame.part + s // step + j
            read = copied[place : place + tile.lanes(itemsize)]
            assert len(read) == tile.lanes(itemsize)
            if i < shape.vertical.output:
                places = across[s, j : j + len(read)]
                row = source[down[r, i]] if down[r, i] != PADDING else np.zeros(shape.horizontal.size)
                assert read[: len(places)].tolist() == np.where(places == PADDING, 0, row[places]).tolist()


@given(depthwise_shapes(), ITEMSIZES)
def test_every_place_of_dx_finds_in_the_frame_what_its_taps_gave(shape, itemsize):
    tile = gradient_tile(shape, itemsize)
    frame, lanes = make_frame(gradient_axes(shape), tile, shape.horizontal.kernel, itemsize), tile.lanes(itemsize)
    dy = 1.0 + np.arange(shape.vertical.output * shape.horizontal.output).reshape(shape.y[2:])
    copied = framed(dy, frame, tile, 1, itemsize)
    reach = [-(-axis.kernel // axis.stride) for axis in (shape.vertical, shape.horizontal)]
    written = set()
    for i, j in vectors_of(tile, frame, itemsize):
        for u, v in product(range(reach[0]), range(reach[1])):
            place = (i + reach[0] - 1 - u) * frame.pitch + reach[1] - 1 - v + j
            read = copied[place : place + lanes]
            assert len(read) == lanes
            for (down, r), (across, s), lane in product(
                phases(shape.vertical, i, u, frame.top), phases(shape.horizontal, j, v, frame.left), range(lanes)
            ):
                row, column = down, across + lane * tile.step
                if 0 <= row < shape.vertical.size and 0 <= column < shape.horizontal.size:
                    written.add((row, column))
                    if r >= shape.vertical.kernel or s >= shape.horizontal.kernel:
                        continue  # a phase without this tap
                    output = [output_of(shape.vertical, row, r), output_of(shape.horizontal, column, s)]
                    assert read[lane] == (0 if None in output else dy[output[0], output[1]])
    assert written == {*product(range(shape.vertical.size), range(shape.horizontal.size))}


def phases(axis: Axis, step: int, offset: int, within: int) -> list[tuple[int, int]]:
    """(place, tap) of each phase of a step of the stride, for the taps that lie `offset` steps back."""
    return [(step * axis.stride + phase - within, offset * axis.stride + phase) for phase in range(axis.stride)]


def output_of(axis: Axis, place: int, tap: int) -> int | None:
    """The output whose tap reads a place; None where there is none."""
    output, rest = divmod(place + axis.before - tap, axis.stride)
    return output if rest == 0 and 0 <= output < axis.output else None


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (ConvShape(1, 8, 16, 8, Axis(size=9, kernel=5), Axis(size=9, kernel=5)), "one filter a channel"),
        (
            ConvShape(1, 8, 8, 8, Axis(size=9, kernel=5, stride=3), Axis(size=9, kernel=5)),
            "stride 1 or 2 on each axis, dilation 1",
        ),
        (
            ConvShape(1, 8, 8, 8, Axis(size=9, kernel=5), Axis(size=9, kernel=2, dilation=2)),
            "stride 1 or 2 on each axis, dilation 1",
        ),
        (ConvShape(1, 8, 8, 8, Axis(size=19, kernel=12), Axis(size=9, kernel=5)), "filters of at most 11 rows"),
        (ConvShape(1, 8, 8, 8, Axis(size=19, kernel=11), Axis(size=40, kernel=31)), ""),
    ],
)
def test_what_keeps_a_convolution_from_these_kernels_is_told(shape, reason):
    assert why_not_framed(shape) == reason
