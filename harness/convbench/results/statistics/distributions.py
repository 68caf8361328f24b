"""Quantiles and tails of the distributions that tests and intervals need.

They are those of scipy.stats, written with scipy.special: importing scipy.stats takes longer than all the rest of a
short command.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

CHI_SQUARED_MEDIAN = float(special.chdtri(1, 0.5))
"""The median of the chi-squared distribution with one degree of freedom."""


def student_quantile(probability: float, freedom: ArrayLike) -> NDArray[np.float64]:
    """Where Student's distribution reaches a probability; of infinite freedom it is the normal one, of none NaN."""
    freedom = np.asarray(freedom, dtype=np.float64)
    return np.where(np.isposinf(freedom), special.ndtri(probability), special.stdtrit(freedom, probability))


def student_tail(t: ArrayLike, freedom: ArrayLike) -> NDArray[np.float64]:
    """The probability of a value beyond `t` in Student's distribution."""
    below, freedom = -np.asarray(t, dtype=np.float64), np.asarray(freedom, dtype=np.float64)
    return np.where(np.isposinf(freedom), special.ndtr(below), special.stdtr(freedom, below))


def f_quantile(probability: float, numerator: float, denominator: float) -> float:
    """Where the F distribution reaches a probability; NaN where a number of degrees of freedom is 0 or infinite."""
    return float(special.fdtri(numerator, denominator, probability))


def coin_quantile(probability: float, tosses: int) -> int:
    """The smallest number of heads in so many tosses of a fair coin that is not exceeded with this probability."""
    rounding = 1e-12  # half of the probability lies exactly at the middle of an odd number of tosses
    return int(np.searchsorted(special.bdtr(np.arange(tosses), tosses, 0.5), probability * (1 - rounding)))
