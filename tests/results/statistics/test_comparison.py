"""Verdicts on speed hold their error rates by simulation, and follow from the blocks alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convbench.plan.settings import EFFORTS
from convbench.results.statistics.comparison import compare, holm, judge, ratios

PROCESS_SD = 0.02
ROUND_SD = 0.01
"""What fresh processes and rounds of the same code differed by in the study behind this (log scale)."""


def _rounds(random, comparisons, blocks, rounds, slowdown=0.0):
    """Log ratios of two backends whose processes differ by luck alone, and by `slowdown`; tall, as compare takes it."""
    process = random.normal(0, PROCESS_SD, (comparisons, blocks, 1, 2))
    noise = random.normal(0, ROUND_SD, (comparisons, blocks, rounds, 2))
    seconds = process + noise
    log_ratio = seconds[..., 0] - seconds[..., 1] + np.log1p(slowdown)
    comparison, block, _ = np.indices(log_ratio.shape)
    return pd.DataFrame({"case": comparison.ravel(), "block": block.ravel(), "log_ratio": log_ratio.ravel()})


@pytest.mark.parametrize("effort", EFFORTS.values(), ids=EFFORTS)
def test_identical_code_is_called_different_in_at_most_5_percent_of_200_comparisons(effort):
    pairs = _rounds(np.random.default_rng(1), 200, effort.blocks, effort.rounds)
    assert compare(pairs, ["case"])["speed"].isin(["faster", "slower"]).mean() <= 0.05


@pytest.mark.parametrize("blocks", [5, 10, 20])
def test_without_margin_and_adjustment_the_interval_still_misses_at_its_nominal_rate(blocks):
    found = compare(_rounds(np.random.default_rng(2), 4000, blocks, 10), ["case"])
    misses = ((found["ratio_low"] > 1) | (found["ratio_high"] < 1)).mean()
    assert misses == pytest.approx(0.05, abs=0.015)  # four standard errors of the simulation


def test_3_percent_are_found_by_the_thorough_setting_in_at_least_90_percent():
    effort = EFFORTS["thorough"]
    random = np.random.default_rng(3)
    found = [
        compare(_rounds(random, 1, effort.blocks, effort.rounds, slowdown=0.03), ["case"])["speed"].item()
        for _ in range(200)
    ]
    assert np.mean(np.array(found) == "slower") >= 0.9


def test_20_percent_are_always_found_by_the_quick_setting():
    effort = EFFORTS["quick"]
    found = [
        compare(_rounds(np.random.default_rng(seed), 1, effort.blocks, effort.rounds, slowdown=0.2), ["case"])
        for seed in range(200)
    ]
    assert set(pd.concat(found)["speed"]) == {"slower"}


def test_a_ratio_and_its_interval_come_out_as_by_hand():
    logs = np.log([[1.10, 1.12, 1.11]])
    found = ratios(logs).iloc[0]
    mean, error = logs.mean(), logs.std(ddof=1) / np.sqrt(3)
    assert found["ratio"] == pytest.approx(np.exp(mean))
    assert found["ratio_high"] == pytest.approx(np.exp(mean + stats.t.ppf(0.975, 2) * error))
    assert found["p_value"] == pytest.approx(2 * stats.t.sf((mean - np.log(1.01)) / error, 2))


def test_the_median_of_a_block_takes_its_rounds_together_before_the_blocks_are_averaged():
    pairs = pd.DataFrame({"case": 0, "block": [0, 0, 0, 1, 1, 1], "log_ratio": [0.1, 0.2, 9.0, 0.3, 0.4, -9.0]})
    assert np.log(compare(pairs, ["case"])["ratio"].item()) == pytest.approx((0.2 + 0.3) / 2)


def test_one_block_has_no_interval_and_no_verdict():
    found = compare(pd.DataFrame({"case": 0, "block": 0, "log_ratio": [0.5, 0.5, 0.5]}), ["case"]).iloc[0]
    assert found["ratio"] == pytest.approx(np.exp(0.5))
    assert np.isnan(found["ratio_low"])
    assert found["speed"] == "inconclusive"


def test_a_block_that_is_missing_is_left_out_of_its_row_only():
    found = ratios(np.array([[0.1, 0.1, np.nan], [0.1, 0.2, 0.3]]))
    assert found["blocks"].tolist() == [2, 3]
    assert found["ratio"].tolist() == pytest.approx([np.exp(0.1), np.exp(0.2)])


@pytest.mark.parametrize(
    ("logs", "speed"),
    [
        ([0.5, 0.51, 0.49], "slower"),
        ([-0.5, -0.51, -0.49], "faster"),
        ([0.001, -0.001, 0.0], "equivalent"),
        ([0.5, -0.5, 0.1], "inconclusive"),
        ([0.005, 0.0051, 0.0049], "equivalent"),  # surely different, but by less than the margin
        ([0.0, 0.0, 0.0], "equivalent"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side_of_the_margin(logs, speed):
    assert judge(ratios(np.array([logs])))["speed"].item() == speed


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_never_smaller_and_keep_their_order(values):
    raw = np.array(values)
    adjusted = holm(raw)
    assert (adjusted >= raw).all()
    assert (adjusted <= 1).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_what_was_not_tested_does_not_count_in_the_adjustment():
    assert holm(np.array([0.04, np.nan])).tolist()[0] == 0.04


def test_nothing_compared_gives_an_empty_frame():
    found = compare(pd.DataFrame(columns=["case", "block", "log_ratio"]), ["case"])
    assert found.empty
    assert {"case", "ratio", "speed", "p_holm"} <= set(found.columns)
