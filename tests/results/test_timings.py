"""Seconds and ratios come from blocks: paired by round, the last attempt of each sample counting, nothing else lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convbench.results.summary import rank
from convbench.results.timings import CELL, GROUP, against_fastest, between, counted, summarise

CELL_VALUES = {"workload": "w", "case": "c", "dtype": "float32", "batch_size": 1, "pass": "forward"}


def _sample(backend, block, number, seconds, loops=10, **changes):
    fields = {"block": block, "round": number, "loops": loops, "elapsed_s": seconds * loops}
    return {**CELL_VALUES, "backend": backend, **fields, "cpu_s": seconds * loops * 2, "minor_faults": 30, **changes}


def _samples(**seconds_of_blocks):
    """Of each backend a list a block of seconds a round."""
    return pd.DataFrame(
        _sample(backend, block, number, seconds)
        for backend, blocks in seconds_of_blocks.items()
        for block, rounds in enumerate(blocks)
        for number, seconds in enumerate(rounds)
    )


def _right(samples):
    return summarise(samples).reset_index()


def test_the_median_is_the_geometric_mean_of_the_medians_of_the_blocks():
    cell = summarise(_samples(mine=[[1.0, 2.0, 9.0], [8.0, 8.0, 8.0]])).iloc[0]
    assert cell["median_s"] == pytest.approx(4.0)
    assert (cell["samples"], cell["blocks"], cell["loops"]) == (6, 2, 10)
    assert cell["effective_threads"] == pytest.approx(2)
    assert cell["minor_faults"] == pytest.approx(3)
    assert cell["ci_low_s"] < 4 < cell["ci_high_s"]


@given(
    st.lists(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=6), min_size=1, max_size=6),
)
def test_the_median_lies_between_the_quartiles_and_none_is_below_the_minimum(blocks):
    cell = summarise(_samples(mine=blocks)).iloc[0]
    ordered = cell[["min_s", "p25_s", "median_s", "p75_s"]].to_numpy(dtype=float)
    assert np.all(ordered[1:] >= ordered[:-1] * (1 - 1e-12))


def test_a_run_of_one_block_has_the_interval_of_its_samples():
    cell = summarise(_samples(mine=[[1.0, 1.2, 1.1]])).iloc[0]
    assert (cell["median_s"], cell["ci_low_s"], cell["ci_high_s"]) == pytest.approx((1.1, 1.0, 1.2))


def test_intervals_of_times_miss_at_their_nominal_rate_and_few_blocks_lend_each_other():
    random = np.random.default_rng(4)
    logs = random.normal(0.0, 0.05, (1000, 3))
    rows = [
        _sample(f"backend{cell}", block, 0, float(np.exp(value)))
        for cell, values in enumerate(logs)
        for block, value in enumerate(values)
    ]
    found = summarise(pd.DataFrame(rows))
    misses = ((found["ci_low_s"] > 1) | (found["ci_high_s"] < 1)).mean()
    assert misses == pytest.approx(0.05, abs=0.03)  # four standard errors of the simulation
    half = np.log(found["ci_high_s"] / found["ci_low_s"]).median() / 2
    assert half < 0.7 * np.median(logs.std(axis=1, ddof=1)) / np.sqrt(3) * stats.t.ppf(0.975, 2)


def test_the_last_attempt_at_a_sample_counts_and_the_others_are_told():
    samples = pd.DataFrame(
        [
            _sample("mine", 0, 0, 5.0, contended=True),
            _sample("mine", 0, 0, 1.0, contended=False),
            _sample("mine", 0, 1, 1.0, contended=False),
            _sample("mine", 0, 2, 1.0, contended=True),
        ]
    )
    cell = summarise(samples).iloc[0]
    assert (cell["median_s"], cell["samples"], cell["taken_again"], cell["contended"]) == (1.0, 3, 1, 1)
    assert counted(samples)["seconds"].tolist() == [1.0, 1.0, 1.0]


def test_samples_beside_a_slow_core_are_counted_where_the_cores_were_looked_at():
    looks = [1.0, 1.3, 1.9, None]
    samples = pd.DataFrame([_sample("mine", 0, number, 1.0, core_slowdown=look) for number, look in enumerate(looks)])
    assert summarise(samples).iloc[0]["slow_core"] == 1
    assert "slow_core" not in summarise(samples.assign(core_slowdown=None))
    assert "slow_core" not in summarise(samples.drop(columns="core_slowdown"))  # of an older run


def test_drift_says_how_much_slower_the_later_rounds_are():
    cell = summarise(_samples(mine=[[1.0, 1.0, 1.1, 1.1], [2.0, 2.0, 2.2, 2.2]])).iloc[0]
    assert cell["drift"] == pytest.approx(0.1)


def test_noise_that_both_share_in_a_round_cancels():
    noise = [1.0, 3.0, 0.5]
    samples = _samples(one=[[2 * n for n in noise], [2 * n for n in noise[::-1]]], other=[noise, noise[::-1]])
    found = between(samples, "one", "other", 0.01).iloc[0]
    assert (found["ratio"], found["ratio_low"], found["ratio_high"]) == pytest.approx((2, 2, 2))
    assert found["speed"] == "slower"
    assert between(samples, "other", "one", 0.01).iloc[0]["speed"] == "faster"


def test_rounds_that_only_one_took_part_in_do_not_count():
    samples = _samples(one=[[2.0, 50.0], [2.0, 50.0]], other=[[1.0], [1.0]])
    assert between(samples, "one", "other", 0.01)["ratio"].item() == pytest.approx(2)


def test_every_right_cell_is_held_against_the_fastest_right_one():
    samples = _samples(fast=[[1.0], [1.0]], slow=[[3.0], [3.0]], wrong=[[0.1], [0.1]])
    right = _right(samples)
    found = against_fastest(samples, right[right["backend"] != "wrong"], 0.01).reset_index().set_index("backend")
    assert set(found.index) == {"fast", "slow"}
    assert found["speed"].to_dict() == {"fast": "fastest", "slow": "slower"}
    assert found["fastest"].unique().tolist() == ["fast"]
    assert found.loc["slow", "ratio"] == pytest.approx(3)


def test_the_fastest_is_the_one_that_no_other_beats_in_pairs():
    samples = _samples(mine=[[0.9, 2.7, 2.7]] * 2, other=[[1.0]] * 2)  # the slow rounds were those of mine alone
    right = _right(samples)
    assert right.set_index("backend")["median_s"].idxmin() == "other"
    found = against_fastest(samples, right, 0.01).reset_index().set_index("backend")
    assert found.loc["mine", "speed"] == "fastest"
    assert found.loc["other", "ratio"] == pytest.approx(1 / 0.9)


TIMES = st.lists(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3), min_size=2, max_size=2)


@given(TIMES, TIMES)
def test_of_two_backends_none_has_a_ratio_below_one(one, other):
    samples = _samples(one=one, other=other)
    found = against_fastest(samples, _right(samples), 0.01)
    assert (found["ratio"] >= 1).all()
    assert list(found["speed"]).count("fastest") == 1
    ranked = rank(_right(samples).assign(status="ok", verdict="agrees").join(found, on=CELL))
    assert list(ranked["place"]) == [1, 2]
    assert ranked["speed"].iloc[0] == "fastest"


def test_a_backend_alone_is_the_fastest():
    samples = _samples(alone=[[1.0], [1.0]])
    found = against_fastest(samples, _right(samples), 0.01).iloc[0]
    assert (found["speed"], found["ratio"]) == ("fastest", 1.0)
    assert np.isnan(found["p_holm"])


def test_no_samples_give_no_rows():
    empty = pd.DataFrame(columns=[*CELL, "block", "round", "loops", "elapsed_s"])
    assert summarise(empty).empty
    assert against_fastest(empty, empty, 0.01).empty
    assert set(GROUP) <= set(between(empty, "one", "other", 0.01).columns)
