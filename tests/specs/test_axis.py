"""Axis: how many windows there are, and what their taps see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from axis_strategy import random_axes
from hypothesis import assume, given
from hypothesis import strategies as st

from convbench_specs import Axis

small = st.integers(1, 6)
axes = random_axes(most_padding=5)


def tap_positions(axis: Axis, window: int) -> list[int]:
    """Where the taps of a window lie; the input is 0 .. size - 1."""
    return [window * axis.stride - axis.before + tap * axis.dilation for tap in range(axis.kernel)]


@pytest.mark.parametrize(
    ("axis", "output"),
    [
        (Axis(size=13, kernel=6, stride=5), 2),
        (Axis(size=13, kernel=6, stride=5, before=1, after=2), 3),
        (Axis(size=5, kernel=3, stride=2, before=1, after=1), 3),
        (Axis(size=7, kernel=3, stride=2, before=1, after=1), 4),
        (Axis(size=28, kernel=5), 24),
        (Axis(size=5, kernel=3), 3),
        (Axis(size=227, kernel=11, stride=4), 55),
        (Axis(size=136, kernel=3, stride=2, dilation=3), 65),
    ],
)
def test_output_of_worked_examples(axis, output):
    assert axis.output == output


@given(axes)
def test_output_counts_the_windows_that_fit_the_padded_input(axis):
    assume(not axis.ceil_mode)
    windows = [o for o in range(axis.padded + 1) if o * axis.stride + axis.extent <= axis.padded]
    assert axis.output == len(windows)


@given(axes)
def test_ceil_mode_follows_the_formula_of_pytorch(axis):
    """pooling_output_shape of PyTorch: divide rounding up, then drop a window that starts behind input and padding."""
    assume(axis.ceil_mode)
    windows = (axis.padded - axis.dilation * (axis.kernel - 1) - 1 + axis.stride - 1) // axis.stride + 1
    if (windows - 1) * axis.stride >= axis.size + axis.before:
        windows -= 1
    assert axis.output == max(0, windows)


@given(axes)
def test_ceil_mode_adds_at_most_one_window_and_only_it_hangs_over(axis):
    plain, ceil = replace(axis, ceil_mode=False), replace(axis, ceil_mode=True)
    assert plain.overhang == 0 or plain.output == 0
    assert ceil.output - plain.output in (-1, 0, 1)  # -1: the last window of the plain one sees right padding only
    assert ceil.overhang < axis.stride or ceil.output == 0


@given(axes)
def test_windows_and_what_they_leave_make_up_the_padded_input(axis):
    assume(axis.output > 0)
    assert (axis.output - 1) * axis.stride + axis.extent == axis.padded + axis.overhang - axis.unused
    assert 0 in (axis.overhang, axis.unused)


@given(axes)
def test_taps_count_the_places_of_the_input_that_each_window_reads(axis):
    expected = [sum(0 <= place < axis.size for place in tap_positions(axis, o)) for o in range(axis.output)]
    assert list(axis.taps()) == expected
    assert axis.valid_taps == sum(expected)
    assert axis.fewest_taps == min(expected, default=axis.kernel)


@given(axes)
def test_taps_with_padding_leave_out_the_overhang_alone(axis):
    end = axis.size + axis.after
    expected = [sum(-axis.before <= place < end for place in tap_positions(axis, o)) for o in range(axis.output)]
    assert list(axis.taps(count_padding=True)) == expected
    if axis.output and axis.overhang == 0:
        assert set(expected) == {axis.kernel}


def test_extent_reaches_from_the_first_to_the_last_tap():
    assert Axis(size=9, kernel=3, dilation=4).extent == 9
    assert Axis(size=9, kernel=1, dilation=4).extent == 1


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_kernel_that_does_not_fit_has_no_output(ceil_mode):
    assert Axis(size=2, kernel=5, ceil_mode=ceil_mode).output == 0


def test_ceil_mode_lets_a_single_window_hang_over_a_smaller_input():
    axis = Axis(size=2, kernel=3, stride=2, ceil_mode=True)
    assert (axis.output, axis.overhang, axis.taps().tolist()) == (1, 1, [2])


def test_ceil_mode_drops_the_window_that_would_start_in_the_padding_behind():
    axis = Axis(size=5, kernel=2, stride=3, before=1, after=1, ceil_mode=True)
    assert axis.output == 2


@given(axes)
def test_a_window_without_ceil_mode_has_as_many_places_when_it_is_padded_by_behind(axis):
    assume(axis.output > 0)
    plain = replace(axis, after=axis.behind, ceil_mode=False)
    assert plain.output == axis.output
    assert plain.taps().tolist() == axis.taps().tolist()


def test_an_axis_of_any_length_is_counted_by_the_windows_at_its_ends():
    axis = Axis(size=10**12, kernel=5, stride=2, before=3, after=4)  # by windows: 5 * 10^11 steps
    assert axis.valid_taps == 5 * axis.output - (3 + 1) - (4 + 2)
    assert axis.fewest_taps == 1
    assert Axis(size=48_000, kernel=1921, before=960, after=960).taps()[[0, 959, 960, -961, -1]].tolist() == [
        961, 1920, 1921, 1921, 961,
    ]  # fmt: skip
