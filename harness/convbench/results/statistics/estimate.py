"""Statistics of samples, each with its interval. Pure functions; no sample is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convbench.results.statistics.distributions import coin_quantile


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with its spread and the 95 % interval of the true median, all in the unit of the values."""

    median: float
    p25: float
    p75: float
    minimum: float
    ci_low: float
    ci_high: float
    count: int


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> Estimate:
    """Median, quartiles and a distribution-free interval from order statistics (David and Nagaraja, 2003, section 7.1).

    k is the largest number with P(B(n, 1/2) < k) <= (1 - confidence) / 2; the k-th smallest and the k-th largest value
    are the ends of the interval. With fewer than 6 values no pair reaches 95 %, so the interval is the whole range.
    Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an estimate needs at least one value")
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    low = max(0, coin_quantile((1 - confidence) / 2, count) - 1)
    p25, median, p75 = np.percentile(ordered, [25, 50, 75])
    return Estimate(
        median=float(median),
        p25=float(p25),
        p75=float(p75),
        minimum=float(ordered[0]),
        ci_low=float(ordered[low]),
        ci_high=float(ordered[count - 1 - low]),
        count=count,
    )
