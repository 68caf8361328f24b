"""The drawing of a window that becomes a column is that of the case, with its stride, dilation, padding, channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.report.views.course.unrolling import (
    COLUMN_WIDTH,
    LARGEST_EXTENT,
    MATRIX_X,
    MOST_CHANNELS,
    MOST_COLUMNS,
    draw_unrolling,
)
from convbench_specs import Case, Conv, Flatten


def case(size=(8, 8), channels=1, groups=1, **changes) -> Case:
    window = {"kernel_size": (3,) * len(size), **changes}
    return Case(
        name="c",
        operation=Conv(in_channels=channels, out_channels=groups, groups=groups, **window),
        input_shape=(channels, *size),
    )


@st.composite
def cases(draw):
    rank = draw(st.integers(1, 2))
    small = st.tuples(*[st.integers(1, 3)] * rank)
    groups = draw(st.integers(1, 2))
    kernel, dilation = draw(small), draw(small)
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    return case(
        tuple(extent + draw(st.integers(0, 6)) for extent in extents),
        channels=groups * draw(st.integers(1, 3)),
        groups=groups,
        kernel_size=kernel,
        dilation=dilation,
        stride=draw(small),
        padding=tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)),
    )


def first_columns(drawn_case: Case) -> np.ndarray:
    """The padded place that each entry of X_col is read from, -1 for padding: (columns, taps), by NumPy's windows."""
    axes = drawn_case.axes
    places = np.arange(np.prod(drawn_case.input_shape[1:])).reshape(drawn_case.input_shape[1:])
    padded = np.pad(places, [(axis.before, axis.after) for axis in axes], constant_values=-1)
    extents = [axis.extent for axis in axes]
    windows = np.lib.stride_tricks.sliding_window_view(padded, extents)
    windows = windows[tuple(slice(None, None, axis.stride) for axis in axes)]
    windows = windows[(..., *(slice(None, None, axis.dilation) for axis in axes))]
    taps = int(np.prod([axis.kernel for axis in axes]))
    return windows.reshape(-1, taps)[:MOST_COLUMNS]


def entries(drawing, channel, column, kind):
    x = MATRIX_X + column * COLUMN_WIDTH
    return [one for one in drawing.squares if (one.x, one.channel, one.kind) == (x, channel, kind)]


@given(cases())
@settings(max_examples=60, deadline=None)
def test_the_columns_are_those_of_x_col(drawn_case):
    drawing = draw_unrolling(drawn_case)
    expected = first_columns(drawn_case)
    channels = min(MOST_CHANNELS, drawn_case.operation.in_channels // drawn_case.operation.groups)
    first = set(expected[0]) - {-1}
    for channel in range(channels):
        for column, taps in enumerate(expected):
            assert len(entries(drawing, channel, column, "padding")) == (taps == -1).sum()
            assert len(entries(drawing, channel, column, "input")) == (taps != -1).sum()
            copies = sum(tap in first for tap in taps if tap != -1)
            coloured = entries(drawing, channel, column, "tap")
            assert len(coloured) >= copies, "an element of the first window has its colour wherever it is copied"
            assert len(coloured) - copies <= (taps == -1).sum(), "only padding may have one, too"
    assert not entries(drawing, 0, len(expected), "input"), "no more columns than there are places, or than are drawn"


@given(cases())
@settings(max_examples=30, deadline=None)
def test_everything_lies_within_the_drawing(drawn_case):
    drawing = draw_unrolling(drawn_case)
    for one in (*drawing.squares, *drawing.frames):
        assert one.x >= 0
        assert one.y >= 0
        assert one.x + one.width <= drawing.width
        assert one.y + one.height <= drawing.height


def test_an_element_that_two_windows_read_keeps_its_colour_in_both_columns():
    drawing = draw_unrolling(case())
    columns = [sorted(one.opacity for one in entries(drawing, 0, column, "tap")) for column in (0, 1, 2, 3)]
    assert len(set(columns[0])) == 9
    assert [len(opacities) for opacities in columns] == [9, 6, 3, 0]
    assert set(columns[1]) < set(columns[0])


def test_a_stride_as_large_as_the_window_copies_nothing():
    drawing = draw_unrolling(case(kernel_size=(2, 2), stride=(2, 2)))
    assert [len(entries(drawing, 0, column, "tap")) for column in (0, 1)] == [4, 0]


def test_two_windows_are_framed_with_their_columns():
    drawing = draw_unrolling(case(stride=(2, 2)))
    frames = {kind: [one for one in drawing.frames if one.kind == kind] for kind in ("first", "next")}
    assert [len(found) for found in frames.values()] == [2, 2]
    (first, column), (following, next_column) = frames["first"], frames["next"]
    side = first.width / 3
    assert following.x - first.x == pytest.approx(2 * side), "the next window is a stride further"
    assert next_column.x - column.x == COLUMN_WIDTH


def test_more_channels_than_are_drawn_are_told():
    drawing = draw_unrolling(case(channels=32))
    assert "and 30 more channels" in [label.text for label in drawing.labels]
    assert any("32 × 3 × 3 = 288 rows" in label.text for label in drawing.labels)


def test_a_window_that_is_too_large_to_be_seen_is_not_drawn():
    assert draw_unrolling(case((32, 32), kernel_size=(LARGEST_EXTENT,) * 2)) is not None
    assert draw_unrolling(case((32, 32), kernel_size=(LARGEST_EXTENT + 1,) * 2)) is None
    assert draw_unrolling(Case(name="f", operation=Flatten(), input_shape=(1, 4, 4))) is None
