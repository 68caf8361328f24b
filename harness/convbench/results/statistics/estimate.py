"""Statistics of samples: pure functions, nothing deleted, each estimate with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with its spread, in the unit of the values, and an interval that covers the true median in 95 %."""

    median: float
    p25: float
    p75: float
    minimum: float
    ci_low: float
    ci_high: float
    count: int


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> Estimate:
    """Median, quartiles and a distribution-free interval from order statistics (David and Nagaraja, 2003, section 7.1).

    With k chosen so that P(B(n, 1/2) < k) <= (1 - confidence) / 2, the k-th smallest and k-th largest values bound the
    median. Below 6 values no pair of them reaches 95 %: the whole range is given. Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an estimate needs at least one value")
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    low = max(0, int(stats.binom.ppf((1 - confidence) / 2, count, 0.5)) - 1)
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
