"""Estimates cover what they claim and lose no value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.results.statistics.estimate import estimate


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=50))
def test_an_estimate_is_ordered_and_within_its_values(values):
    found = estimate(values)
    assert found.count == len(values)
    assert min(values) == found.minimum <= found.ci_low <= found.median <= found.ci_high <= max(values)
    assert found.minimum <= found.p25 <= found.median <= found.p75


@pytest.mark.parametrize("count", [6, 10, 25])
def test_the_interval_covers_the_true_median_in_at_least_95_percent(count):
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        found = estimate(random.lognormal(size=count).tolist())
        covered += found.ci_low <= 1.0 <= found.ci_high
    assert covered / 2000 >= 0.94  # 0.95 less three standard errors of the simulation itself


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_values_give_their_whole_range(count):
    found = estimate(list(range(1, count + 1)))
    assert (found.ci_low, found.ci_high) == (1, count)


def test_no_value_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        estimate([])
