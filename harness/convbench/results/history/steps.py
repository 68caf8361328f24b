"""Where a series of times steps to another level and stays there; a pure function on a short series.

A piecewise constant function is fitted that minimises

    sum |x - level| / b  +  penalty * (number of steps),    penalty = 3 log(number of values),

which is the Potts functional with absolute deviations (F. Friedrich, A. Kempe, V. Liebscher and G. Winkler, "Complexity
penalized M-estimation: fast computation", Journal of Computational and Graphical Statistics 17, 2008), the one that asv
uses, too. Absolute deviations make it deaf to single bad runs; they are the likelihood of Laplace noise with the scale
b. A step costs a level and a place; Schwarz's criterion would charge log(n) for these two (Y.-C. Yao, "Estimating the
number of change-points via Schwarz' criterion", Statistics & Probability Letters 6, 1988), and as a history has
hundreds of cells, three times as much is charged here. The minimum is exact, found by dynamic programming over the
place of the last step (B. Jackson et al., "An algorithm for optimal partitioning of data on an interval", IEEE Signal
Processing Letters 12, 2005).

The noise is told by the differences of neighbours, of which steps disturb few: for Laplace noise the median of their
absolute values is 1.146 b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MEDIAN_DIFFERENCE = 1.146
"""The median of |x - y| for independent x and y of Laplace noise with scale 1: solves (1 + m / 2) exp(-m) = 1 / 2."""
PENALTY = 3.0
LEAST_VALUES = 3
"""A level has so many runs at least: fewer may be chance."""
LEAST_NOISE = 0.005
"""Scale of the noise of log times that is assumed at least: a few equal values do not mean that there is none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: `place` is the index of the first value of the new level, and both levels are medians."""

    place: int
    before: float
    after: float


def find_steps(values: Sequence[float], least_step: float) -> list[Step]:
    """The steps in a series of finite values, in their order; those smaller than `least_step` are not told."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2 * LEAST_VALUES:
        return []
    noise = max(LEAST_NOISE, float(np.median(np.abs(np.diff(x)))) / MEDIAN_DIFFERENCE)
    edges = _partition(x / noise, PENALTY * float(np.log(len(x))))
    levels = [float(np.median(x[begin:end])) for begin, end in pairwise(edges)]
    steps = [
        Step(place, before, after) for place, before, after in zip(edges[1:-1], levels[:-1], levels[1:], strict=True)
    ]
    return [step for step in steps if abs(step.after - step.before) > least_step]


def _partition(x: NDArray[np.float64], penalty: float) -> list[int]:
    """The edges of the best segments, from 0 to len(x)."""
    count = len(x)
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    last = np.zeros(count + 1, dtype=int)
    for end in range(LEAST_VALUES, count + 1):
        for begin in range(end - LEAST_VALUES + 1):
            if np.isfinite(best[begin]):
                segment = x[begin:end]
                cost = best[begin] + penalty + float(np.abs(segment - np.median(segment)).sum())
                if cost < best[end]:
                    best[end], last[end] = cost, begin
    edges = [count]
    while edges[-1] > 0:
        edges.append(int(last[edges[-1]]))
    return edges[::-1]
