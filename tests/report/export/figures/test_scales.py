"""On a logarithmic axis everything has a place, numbers are round, and no name hides another."""

from __future__ import annotations

from itertools import pairwise
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.report.export.figures.scales import LogScale, apart

VALUES = st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=20)
PLACES = st.lists(st.floats(-100, 400), min_size=1, max_size=12)


@given(VALUES)
def test_every_value_is_inside_and_comes_back_from_its_place(values):
    scale = LogScale.around(values, 300)
    for value in values:
        assert 0 < scale.at(value) < 300
        assert scale.value(scale.at(value)) == pytest.approx(value)


@given(VALUES)
def test_the_numbers_at_an_axis_are_inside_round_and_at_least_one(values):
    scale = LogScale.around(values, 300)
    ticks = scale.ticks()
    assert ticks == sorted(set(ticks))
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert all(f"{tick:e}"[0] in "1235" and round(tick / 10 ** int(f"{tick:e}"[9:]), 9) % 1 == 0 for tick in ticks)
    assert len(ticks) >= 1


def test_an_axis_of_one_value_is_not_blown_up_to_noise():
    scale = LogScale.around([3.0], 300)
    assert log10(scale.high / scale.low) > 0.5


def test_an_axis_without_a_positive_value_is_refused():
    with pytest.raises(ValueError, match="positive"):
        LogScale.around([0.0, -1.0], 300)


@given(PLACES)
def test_names_keep_their_order_and_their_distance(places):
    moved = apart(places, 14.0)
    order = sorted(range(len(places)), key=lambda index: places[index])
    steps = [moved[b] - moved[a] for a, b in pairwise(order)]
    assert all(step >= 14.0 - 1e-6 for step in steps)


@given(PLACES)
def test_names_that_are_apart_stay_where_they_are(places):
    spread = [place + 1000 * number for number, place in enumerate(places)]
    assert apart(spread, 14.0) == pytest.approx(spread)
