"""Better variances for many comparisons, each of which has only a few blocks. Pure functions.

Four blocks say so little about a variance that an interval by Student's t is 3.2 standard errors wide on each side. But
a run compares many cells on one machine, and their variances are similar to some degree. How much the variances differ,
beyond what so few blocks explain, tells how many degrees of freedom their common value is worth (G. K. Smyth, "Linear
models and empirical Bayes methods for assessing differential expression in microarray experiments", Statistical
Applications in Genetics and Molecular Biology 3, 2004, section 6.2). Each variance is then replaced by the weighted
mean of itself and the common value. If the variances have nothing in common, the common value has no weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

LEAST_VARIANCES = 10
"""Fewer variances do not tell how similar they are."""
LEAST_FREEDOM = 0.002
MOST_FREEDOM = 100.0
"""A common variance that is worth more counts as known exactly."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The common variance, and the number of degrees of freedom that it is worth."""

    variance: float
    freedom: float


NOTHING_IN_COMMON = Prior(variance=0.0, freedom=0.0)


def prior(variances: NDArray[np.float64], freedom: NDArray[np.float64]) -> Prior:
    """What variances of normal samples have in common; the `freedom` of each is the size of its sample minus one.

    Variances that are 0 or unknown (NaN, or without freedom) do not count.
    """
    known = (freedom > 0) & (variances > 0)
    if np.count_nonzero(known) < LEAST_VARIANCES:
        return NOTHING_IN_COMMON
    half = freedom[known] / 2
    logs = np.log(variances[known]) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    shared = _half_freedom(excess)
    return Prior(float(np.exp(logs.mean() + special.digamma(shared) - np.log(shared))), 2 * shared)


def moderated(
    variances: NDArray[np.float64], freedom: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each variance and its degrees of freedom, improved by what all have in common; unknown ones stay unknown."""
    common = prior(variances, freedom)
    total = freedom + common.freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        mixed = (common.freedom * common.variance + freedom * variances) / total
    return np.where(freedom > 0, mixed, np.nan), np.where(freedom > 0, total, 0.0)


def _half_freedom(excess: float) -> float:
    """The argument for which the trigamma function is `excess`, between LEAST_FREEDOM / 2 and MOST_FREEDOM / 2."""
    least, most = LEAST_FREEDOM / 2, MOST_FREEDOM / 2
    if excess <= special.polygamma(1, most):
        return most
    if excess >= special.polygamma(1, least):
        return least
    return float(optimize.brentq(lambda half: special.polygamma(1, half) - excess, least, most))
