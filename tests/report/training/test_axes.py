"""Axes: values keep their order and stay inside, and ticks are round."""

from __future__ import annotations

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.report.training.axes import MOST_TICKS, Axis

FINITE = st.floats(-1e12, 1e12, allow_subnormal=False)
POSITIVE = st.floats(1e-12, 1e12)


@given(st.lists(FINITE, min_size=1, max_size=9))
def test_a_linear_axis_holds_all_values_in_order(values):
    axis = Axis.linear(values, 40, 400)
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(40 <= place <= 400 for place in places)


@given(st.lists(POSITIVE, min_size=1, max_size=9))
def test_a_logarithmic_axis_holds_all_values_in_order_upwards(values):
    axis = Axis.logarithmic(values, 200, 10)
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places, reverse=True)
    assert all(10 <= place <= 200 for place in places)


@given(st.lists(POSITIVE, min_size=1, max_size=9))
def test_ticks_are_few_and_inside(values):
    for axis in (Axis.linear(values, 0, 100), Axis.logarithmic(values, 0, 100)):
        ticks = axis.ticks()
        assert 1 <= len(ticks) <= MOST_TICKS + 1
        assert ticks == sorted(set(ticks))
        margin = 1e-6 * (abs(axis.low) + abs(axis.high))
        assert all(axis.low - margin <= (log10(tick) if axis.is_log else tick) <= axis.high + margin for tick in ticks)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [([0, 100], [0, 20, 40, 60, 80, 100]), ([1, 132], [50, 100]), ([97.1, 98.4], [97.5, 98])],
)
def test_ticks_of_a_linear_axis_are_round(values, ticks):
    assert Axis.linear(values, 0, 1).ticks() == ticks


def test_ticks_of_many_decades_are_powers_of_ten_and_of_one_decade_its_first_digits():
    assert Axis.logarithmic([1e-3, 10], 0, 1).ticks() == [1e-3, 1e-2, 0.1, 1, 10]
    assert Axis.logarithmic([1, 6], 0, 1).ticks() == [1, 2, 5]


def test_what_is_not_finite_or_not_positive_has_no_say():
    assert Axis.linear([1, 2, float("nan"), float("inf")], 0, 1).high == 2
    axis = Axis.logarithmic([0, 1, 100], 0, 1)
    assert (axis.low, axis.place(0.0)) == (0, 0)
    assert Axis.linear([], 0, 1).ticks()
    assert Axis.logarithmic([0.0], 0, 1).ticks()
