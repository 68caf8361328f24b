"""Variances of many comparisons, each known from few blocks, held against each other. Pure functions, no I/O.

Of four blocks a variance is known so badly that Student's t asks for 3.2 standard errors. But a run compares many cells
on one machine, whose variances are alike to some degree. How much they scatter beyond what so few blocks explain tells
by how many degrees of freedom the common value is worth (G. K. Smyth, "Linear models and empirical Bayes methods for
assessing differential expression in microarray experiments", Statistical Applications in Genetics and Molecular
Biology 3, 2004, section 6.2). Each variance is then the weighted mean of its own and the common one. Where variances
have nothing in common the common one is worth nothing, and each stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

LEAST_VARIANCES = 10
"""Fewer do not tell how alike they are."""
LEAST_FREEDOM = 0.002
MOST_FREEDOM = 100.0
"""A common variance that is worth more need not be told from one that is known."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The common variance, and the degrees of freedom that it is worth."""

    variance: float
    freedom: float


NOTHING_IN_COMMON = Prior(variance=0.0, freedom=0.0)


def prior(variances: NDArray[np.float64], freedom: NDArray[np.float64]) -> Prior:
    """What variances of normal samples have in common; `freedom` of each is its sample's size less one.

    Those that are 0 or unknown (NaN, or without freedom) do not count.
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
    """Variances and degrees of freedom with what all have in common; NaN stays NaN, and no freedom stays none."""
    common = prior(variances, freedom)
    total = freedom + common.freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        mixed = (common.freedom * common.variance + freedom * variances) / total
    return np.where(freedom > 0, mixed, np.nan), np.where(freedom > 0, total, 0.0)


def _half_freedom(excess: float) -> float:
    """Where the trigamma function has the value `excess`, within LEAST_FREEDOM / 2 to MOST_FREEDOM / 2."""
    least, most = LEAST_FREEDOM / 2, MOST_FREEDOM / 2
    if excess <= special.polygamma(1, most):
        return most
    if excess >= special.polygamma(1, least):
        return least
    return float(optimize.brentq(lambda half: special.polygamma(1, half) - excess, least, most))
