"""The model of drift between stored runs: it is estimated well, and identical code is seldom called different."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.results.diff.stored import LEAST_CELLS, Side, estimate_drift, judge_ratios
from convbench.results.statistics.comparison import judge

FAMILIES = 100
"""Pairs of runs that are simulated; a rate of 5 % in them has a standard error of 2.2 %."""


def pair(random, *, cells, blocks, shift=0.0, spread=0.0, noise=0.01, backends=3, backend_spread=0.0):
    """Two runs of the same code, and the backend of each cell."""
    names = [f"b{number % backends}" for number in range(cells)]
    of_backend = random.normal(0.0, backend_spread, backends)
    between = shift + random.normal(0.0, spread, cells) + of_backend[np.arange(cells) % backends]
    base = random.normal(0.0, noise, (cells, blocks))
    new = random.normal(0.0, noise, (cells, blocks)) + between[:, None]
    return Side.of(base), Side.of(new), names


def judged(base, new, names, *, unchanged=None, margin=0.05):
    unchanged = np.ones(len(names), dtype=bool) if unchanged is None else unchanged
    drift = estimate_drift(
        (new.mean - base.mean)[unchanged],
        (base.variance + new.variance)[unchanged],
        [name for name, same in zip(names, unchanged, strict=True) if same],
    )
    margins = np.full(len(names), margin)
    return judge(judge_ratios(base, new, drift, names, unchanged, margins), margins), drift


@pytest.mark.parametrize("margin", [0.01, 0.05])
@pytest.mark.parametrize(("cells", "blocks", "spread"), [(9, 3, 0.0), (9, 3, 0.08), (36, 6, 0.02)])
def test_identical_code_is_called_different_in_at_most_one_family_of_twenty(cells, blocks, spread, margin):
    random = np.random.default_rng(1)
    false = sum(
        judged(*pair(random, cells=cells, blocks=blocks, shift=0.1, spread=spread), margin=margin)[0]["speed"]
        .isin(["slower", "faster"])
        .any()
        for _ in range(FAMILIES)
    )
    assert false / FAMILIES <= 0.05


def test_so_it_is_where_each_backend_drifts_by_itself_and_one_has_changed():
    random, false = np.random.default_rng(2), 0
    for _ in range(FAMILIES):
        base, new, names = pair(random, cells=36, blocks=6, spread=0.02, backends=4, backend_spread=0.04)
        unchanged = np.array([name != "b0" for name in names])
        false += judged(base, new, names, unchanged=unchanged)[0]["speed"].isin(["slower", "faster"]).any()
    assert false / FAMILIES <= 0.05


@given(shift=st.floats(-0.3, 0.3), spread=st.sampled_from([0.0, 0.03, 0.1]), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_drift_is_estimated_within_its_error_and_spread_within_a_factor_of_two(shift, spread, seed):
    random = np.random.default_rng(seed)
    _, drift = judged(*pair(random, cells=120, blocks=4, shift=shift, spread=spread))
    assert abs(drift.log_shift - shift) <= 5 * drift.shift_error
    assert drift.spread <= 2 * max(spread, 0.01)
    assert drift.spread >= spread / 2


def test_a_common_drift_does_not_change_what_is_said_of_any_cell():
    base, new, names = pair(np.random.default_rng(3), cells=30, blocks=4, spread=0.01)
    moved = Side(new.mean + 0.1, new.variance, new.freedom)
    before, after = judged(base, new, names)[0], judged(base, moved, names)[0]
    assert before["ratio"].to_numpy() == pytest.approx(after["ratio"].to_numpy())
    assert before["speed"].tolist() == after["speed"].tolist()


def test_a_slowdown_of_a_minority_is_found_although_versions_say_that_nothing_changed():
    base, new, names = pair(np.random.default_rng(4), cells=30, blocks=5, spread=0.01)
    slower = np.arange(30) < 6
    new = Side(new.mean + np.where(slower, np.log(1.2), 0.0), new.variance, new.freedom)
    speeds = judged(base, new, names)[0]["speed"]
    assert (speeds[slower] == "slower").all()
    assert not speeds[~slower].isin(["slower", "faster"]).any()


def test_one_unchanged_backend_that_drifted_does_not_vouch_for_another():
    random = np.random.default_rng(5)
    base, new, names = pair(random, cells=30, blocks=5, backends=2, noise=0.002)
    unchanged = np.array([name == "b0" for name in names])
    new = Side(new.mean + np.where(unchanged, 0.1, 0.25), new.variance, new.freedom)
    table, drift = judged(base, new, names, unchanged=unchanged)
    assert drift.ratio == pytest.approx(np.exp(0.1), rel=0.01)
    assert set(table["speed"]) <= {"inconclusive", "equivalent"}


def test_too_few_unchanged_cells_and_single_blocks_tell_nothing():
    base, new, names = pair(np.random.default_rng(6), cells=LEAST_CELLS - 1, blocks=4)
    table, drift = judged(base, new, names)
    assert drift is None
    assert table["ratio"].notna().all()
    assert set(table["speed"]) == {"inconclusive"}
    assert judged(*pair(np.random.default_rng(6), cells=20, blocks=1))[1] is None


def test_cells_without_any_spread_are_judged_without_a_warning():
    base = Side.of(np.zeros((5, 3)))
    new = Side.of(np.array([[0.0] * 3] * 4 + [[1.0] * 3]))
    table, drift = judged(base, new, ["a"] * 5)
    assert (drift.log_shift, drift.spread) == (0.0, 0.0)
    assert table["speed"].tolist() == ["equivalent"] * 4 + ["slower"]
