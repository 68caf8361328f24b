"""Which of two backends is faster: times are paired by round and judged by block. Pure functions; no sample is removed.

- The unit is the block, which is a fresh set of workers. Samples of one process share its memory layout and its luck.
  Taking them as independent would call identical code different in half of all tries.
- The value of a block is the median, over its rounds, of log(time of one / time of the other). The mean of these values
  over the blocks and its Student's t interval, both exponentiated, are the ratio of times and its interval.
- A few blocks say little about their spread. So comparisons that are made together use what their spreads have in
  common; see moderation.py.
- A verdict needs a margin: a ratio between 1 / (1 + margin) and 1 + margin does not count as a difference.
- If many cells are judged at once, their p-values are adjusted (Holm, "A simple sequentially rejective multiple test
  procedure", Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convbench.results.statistics.distributions import student_quantile, student_tail
from convbench.results.statistics.moderation import moderated

Speed = Literal["faster", "slower", "equivalent", "inconclusive"]
"""What a comparison says about the first backend; "inconclusive" means that more blocks are needed."""
SPEEDS: tuple[Speed, ...] = get_args(Speed)
LEAST_MARGIN = 0.01
"""A difference of less than 1 % is of no use to anybody, however certain it is."""
Margin = float | NDArray[np.float64]
"""One margin for all comparisons, or one for each."""
CONFIDENCE = 0.95
RATIO_COLUMNS = ("ratio", "ratio_low", "ratio_high", "blocks", "p_value")


def block_log_ratios(pairs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The median of `log_ratio` over the rounds: a row for each value of `keys`, a column for each block, NaN for none.

    `pairs` has a row for each round in which both backends were timed, with the columns `keys`, block and log_ratio.
    """
    medians = pairs.groupby([*keys, "block"], sort=False)["log_ratio"].median()
    return medians.unstack("block")


def ratios(log_ratios: NDArray[np.float64], margin: Margin = LEAST_MARGIN) -> pd.DataFrame:
    """Ratio of times with its interval, and the p-value of a difference beyond the margin.

    `log_ratios` has the shape (comparisons, blocks), with NaN for a missing block. The result has RATIO_COLUMNS. A
    single block has no spread, so its interval and its p-value are NaN. The p-value is that of the t test of
    |mean| <= log(1 + margin), and twice the one-sided value: it is below 0.05 exactly if the 95 % interval lies outside
    the margin.
    """
    known = np.isfinite(log_ratios)
    blocks = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, log_ratios, 0.0).sum(axis=1) / blocks
        squares = np.where(known, (log_ratios - mean[:, None]) ** 2, 0.0).sum(axis=1)
        variances, freedom = moderated(squares / (blocks - 1), np.maximum(0.0, blocks - 1.0))
        error = np.sqrt(variances / blocks)
        distance = np.abs(mean) - np.log1p(margin)
        # without any spread the test is sure of either
        t = np.where(error > 0, distance / error, np.copysign(np.inf, distance))
        half = student_quantile((1 + CONFIDENCE) / 2, freedom) * error
        p_value = np.minimum(1.0, 2 * student_tail(t, freedom))
    enough = blocks > 1
    return pd.DataFrame(
        {
            "ratio": np.exp(mean),
            "ratio_low": np.exp(np.where(enough, mean - half, np.nan)),
            "ratio_high": np.exp(np.where(enough, mean + half, np.nan)),
            "blocks": blocks,
            "p_value": np.where(enough, p_value, np.nan),
        }
    )


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values adjusted for their number, in the same order. NaN stays NaN and does not count.

    >>> [float(p) for p in holm(np.array([0.01, 0.04, 0.03]))]
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def judge(compared: pd.DataFrame, margin: Margin = LEAST_MARGIN) -> pd.DataFrame:
    """RATIO_COLUMNS with `p_holm` over all rows, and `speed` of the backend in the numerator, one of SPEEDS."""
    p_holm = holm(compared["p_value"].to_numpy(dtype=np.float64))
    low, high = np.log(compared["ratio_low"].to_numpy()), np.log(compared["ratio_high"].to_numpy())
    limit = np.log1p(margin)
    sure = p_holm < 1 - CONFIDENCE
    slower = compared["ratio"].to_numpy() > 1
    speed = np.select(
        [sure & slower, sure, (low > -limit) & (high < limit)], ["slower", "faster", "equivalent"], "inconclusive"
    )
    return compared.assign(p_holm=p_holm, speed=speed)


def compare(pairs: pd.DataFrame, keys: Sequence[str], margin: float = LEAST_MARGIN) -> pd.DataFrame:
    """Judge every value of `keys` in `pairs` (see block_log_ratios): `keys`, RATIO_COLUMNS, `p_holm` and `speed`."""
    if pairs.empty:
        return pd.DataFrame(columns=[*keys, *RATIO_COLUMNS, "p_holm", "speed"])
    blocks = block_log_ratios(pairs, keys)
    judged = judge(ratios(blocks.to_numpy(dtype=np.float64), margin), margin)
    return pd.concat([blocks.index.to_frame(index=False), judged], axis=1)
