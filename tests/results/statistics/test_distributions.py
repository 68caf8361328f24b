"""Quantiles and tails are those of scipy.stats, which takes too long to import for a command."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convbench.results.statistics.distributions import (
    CHI_SQUARED_MEDIAN,
    coin_quantile,
    f_quantile,
    student_quantile,
    student_tail,
)

PROBABILITIES = st.floats(1e-6, 1 - 1e-6)
FREEDOMS = st.one_of(st.floats(0.5, 1e6), st.sampled_from([0.0, np.inf, np.nan]))


def near(expected):
    return pytest.approx(expected, rel=1e-8, abs=1e-12, nan_ok=True)


@given(PROBABILITIES, FREEDOMS)
def test_quantiles_of_student_are_those_of_scipy(probability, freedom):
    assert student_quantile(probability, freedom) == near(stats.t.ppf(probability, freedom))


@given(st.one_of(st.floats(-50, 50), st.sampled_from([-np.inf, np.inf, np.nan])), FREEDOMS)
def test_tails_of_student_are_those_of_scipy(t, freedom):
    assert student_tail(t, freedom) == near(stats.t.sf(t, freedom))


@given(PROBABILITIES, st.floats(0.5, 100), st.floats(0.5, 100))
def test_quantiles_of_f_are_those_of_scipy(probability, numerator, denominator):
    assert f_quantile(probability, numerator, denominator) == pytest.approx(
        stats.f.ppf(probability, numerator, denominator), rel=1e-6
    )


@given(st.one_of(PROBABILITIES, st.just(0.5)), st.integers(1, 300))
def test_quantiles_of_a_coin_are_the_first_numbers_that_reach_the_probability(probability, tosses):
    heads = coin_quantile(probability, tosses)
    assert stats.binom.cdf(heads, tosses, 0.5) >= probability - 1e-9
    assert stats.binom.cdf(heads - 1, tosses, 0.5) < probability + 1e-9


@pytest.mark.parametrize("tosses", range(1, 100))
def test_the_quantile_of_an_interval_is_that_of_scipy(tosses):
    assert coin_quantile(0.025, tosses) == stats.binom.ppf(0.025, tosses, 0.5)


def test_the_middle_of_an_odd_number_of_tosses_is_its_lower_one():
    assert coin_quantile(0.5, 223) == 111


def test_the_median_of_chi_squared_is_that_of_scipy():
    assert near(stats.chi2.median(1)) == CHI_SQUARED_MEDIAN


def test_arrays_are_computed_place_by_place():
    freedom = np.array([1.0, 5.0, np.inf])
    assert student_quantile(0.975, freedom) == near(stats.t.ppf(0.975, freedom))
    assert student_tail(np.array([1.0, 2.0, 3.0]), freedom) == near(stats.t.sf([1.0, 2.0, 3.0], freedom))


def test_no_command_waits_for_scipy_stats():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, convbench.api; sys.exit('scipy.stats' in sys.modules)"], check=False
    )
    assert done.returncode == 0
