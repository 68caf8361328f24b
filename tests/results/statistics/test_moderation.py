"""Variances that are alike lend each other degrees of freedom; those that have nothing in common stand alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convbench.results.statistics.comparison import ratios
from convbench.results.statistics.moderation import LEAST_VARIANCES, MOST_FREEDOM, NOTHING_IN_COMMON, moderated, prior

CELLS = 4000


def _log_ratios(random, blocks, spreads):
    """Log ratios of identical code; the standard deviation of each cell's is given."""
    return random.normal(0.0, spreads[:, None], (len(spreads), blocks))


def _spreads(random, scatter):
    """Standard deviations of cells about 3 %, which scatter by this factor (log scale)."""
    return 0.03 * np.exp(random.normal(0.0, scatter, CELLS))


@pytest.mark.parametrize("blocks", [3, 4, 12, 24])
@pytest.mark.parametrize("scatter", [0.0, 0.3, 1.0])
def test_intervals_miss_at_their_nominal_rate(blocks, scatter):
    random = np.random.default_rng(5)
    found = ratios(_log_ratios(random, blocks, _spreads(random, scatter)))
    misses = ((found["ratio_low"] > 1) | (found["ratio_high"] < 1)).mean()
    assert misses == pytest.approx(0.05, abs=0.015)  # four standard errors of the simulation


def test_intervals_of_few_blocks_are_shorter_than_each_cell_alone_could_say():
    random = np.random.default_rng(6)
    logs = _log_ratios(random, 3, _spreads(random, 0.3))
    together = ratios(logs)
    half = np.log(together["ratio_high"] / together["ratio_low"]).median() / 2
    alone = np.median(logs.std(axis=1, ddof=1)) / np.sqrt(3) * stats.t.ppf(0.975, 2)
    assert half < 0.7 * alone


def test_equal_variances_are_known_as_well_as_can_be():
    random = np.random.default_rng(7)
    found = prior(_log_ratios(random, 4, np.full(CELLS, 0.02)).var(axis=1, ddof=1), np.full(CELLS, 3.0))
    assert found.freedom > MOST_FREEDOM / 2
    assert found.variance == pytest.approx(0.02**2, rel=0.05)


def test_variances_that_have_nothing_in_common_stay_as_they_are():
    variances = np.exp(np.random.default_rng(8).normal(0.0, 20.0, CELLS))
    mixed, freedom = moderated(variances, np.full(CELLS, 3.0))
    large = variances > np.median(variances)
    assert mixed[large] == pytest.approx(variances[large], rel=0.1)
    assert freedom == pytest.approx(3.0, rel=0.1)


def test_few_variances_lend_each_other_nothing():
    few = np.full(LEAST_VARIANCES - 1, 0.01)
    assert prior(few, np.full_like(few, 3.0)) == NOTHING_IN_COMMON


def test_cells_of_one_block_neither_lend_nor_borrow():
    known = np.linspace(0.01, 0.02, LEAST_VARIANCES)
    mixed, freedom = moderated(np.append(known, np.nan), np.append(np.full_like(known, 2.0), 0.0))
    without, _ = moderated(known, np.full_like(known, 2.0))
    assert np.isnan(mixed[-1])
    assert freedom[-1] == 0
    assert mixed[:-1] == pytest.approx(without)


@given(st.lists(st.floats(1e-12, 1e3), min_size=1, max_size=40), st.integers(1, 30))
def test_a_variance_moves_towards_what_is_common_and_never_beyond(variances, freedom):
    own = np.array(variances)
    each = np.full(len(own), float(freedom))
    common = prior(own, each)
    mixed, total = moderated(own, each)
    low, high = np.minimum(own, common.variance), np.maximum(own, common.variance)
    if common == NOTHING_IN_COMMON:
        low = high = own
    assert (mixed >= low * (1 - 1e-9)).all()
    assert (mixed <= high * (1 + 1e-9)).all()
    assert (total >= each).all()
