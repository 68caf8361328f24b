"""Whether cells of two stored runs differ, where the runs themselves differ: drift, and Welch's test widened by it.

Two runs of the same code, minutes apart, differ by more than their blocks tell: other programs, temperature and the
placement of memory stay the same within a run and change between runs. So the log ratio d of a cell (the mean of its
block log medians in the new run, less that in the base) is taken as

    d = change + D + r + e,     r ~ (0, s²),     e ~ (0, v)

- v is what the blocks tell: v = var_base / blocks_base + var_new / blocks_new, Welch's estimate (B. L. Welch, "The
  generalization of Student's problem when several different population variances are involved", Biometrika 34, 1947),
  each variance moderated by those of all cells of its run (statistics/moderation.py).
- D is the drift that all cells share, and s the spread of what a run does to one cell. Both are estimated from the
  cells of backends whose versions did not change, whose `change` is 0. This is the random-effects model of
  meta-analysis (R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7, 1986).
  As some of these cells may have changed all the same, both estimates stand up to a minority of them: D is the median
  of d; s² solves the equation of Paule and Mandel ("Consensus values and weighting factors", Journal of Research of the
  National Bureau of Standards 87, 1982) with medians in place of sums:
  median of (d - D)² / (s² + v) = the median of chi² with one degree of freedom.
- A cell is judged by t = (|d - D| - log(1 + margin)) / sqrt(v + s² + var(D)), with degrees of freedom by Welch and
  Satterthwaite. A variance from a median is as good as one from 0.37 times as many values (the efficiency of the median
  absolute deviation, P. J. Rousseeuw and C. Croux, "Alternatives to the median absolute deviation", Journal of the
  American Statistical Association 88, 1993), and var(D) is pi / 2 times that of a mean.
- Other programs disturb one backend more than another: threads that wait for each other may take fifty times as long
  beside a busy neighbour, and then no normal distribution fits. So the same equation is solved for the cells of each
  changed backend, too, about their own median, as they may all have changed alike. Where its s is larger than the
  common one by more than chance (F test at 5 %), its cells are not judged.
- What tells by how much a changed backend drifts as a whole is how far the medians of the unchanged backends lie from
  D. The largest of these distances, squared, is added to its variance. If one backend alone stayed the same, it is D²:
  another backend may have drifted by nothing, or twice as far.
- Where an unchanged cell is off by more than the margin (`Drift.reach`) nothing is called slower or faster, however
  sure the test is: on a busy machine single cells of identical code took more than 17 times as long in one run as in
  another, which is no normal deviation, and nothing in two runs tells it from a change.
- p-values are adjusted by Holm's method, which holds however the cells depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from convbench.results.statistics.comparison import CONFIDENCE, RATIO_COLUMNS
from convbench.results.statistics.distributions import CHI_SQUARED_MEDIAN, f_quantile, student_quantile, student_tail
from convbench.results.statistics.moderation import moderated

Array = NDArray[np.float64]
LEAST_CELLS = 4
"""Of fewer unchanged cells no spread is estimated."""
MEDIAN_EFFICIENCY = 0.37
MEDIAN_OVER_MEAN = np.pi / 2
"""Variance of the median of normal values over that of their mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What two runs differ by where nothing was changed: all numbers are of the natural log of the ratio of times."""

    log_shift: float
    """D: what all unchanged cells share."""
    shift_error: float
    """Standard error of that."""
    spread: float
    """s: standard deviation of what the runs do to one cell, beyond what its blocks tell."""
    freedom: float
    """Degrees of freedom that the spread is worth."""
    cells: int
    """The number of unchanged cells that tell it."""
    backends: tuple[str, ...]
    """Their backends."""

    @property
    def ratio(self) -> float:
        """The common drift as a ratio of times; over 1 the new run was slower."""
        return float(np.exp(self.log_shift))

    @property
    def reach(self) -> float:
        """How far off 95 % of all unchanged cells are at most, with the common drift taken off: 0.1 is 10 %."""
        half = student_quantile((1 + CONFIDENCE) / 2, self.freedom) * np.hypot(self.spread, self.shift_error)
        return float(np.expm1(half))


@dataclass(frozen=True, slots=True)
class Side:
    """The mean of the block log medians of each cell in one run, the variance of that mean, and its freedom."""

    mean: Array
    variance: Array
    freedom: Array

    @classmethod
    def of(cls, log_medians: Array) -> Side:
        """From block log medians, shape (cells, blocks), NaN for a missing block; one block has no variance."""
        known = np.isfinite(log_medians)
        blocks = known.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, log_medians, 0.0).sum(axis=1) / blocks
            squares = np.where(known, (log_medians - mean[:, None]) ** 2, 0.0).sum(axis=1)
            variances, freedom = moderated(squares / (blocks - 1), np.maximum(0.0, blocks - 1.0))
            return cls(mean, variances / blocks, freedom)


def estimate_drift(log_ratios: Array, variances: Array, backends: Sequence[str]) -> Drift | None:
    """Drift of unchanged cells: their log ratios, the variances that their blocks tell, and the backend of each.

    None where fewer than LEAST_CELLS have a variance.
    """
    known = np.isfinite(log_ratios) & np.isfinite(variances)
    count = int(known.sum())
    if count < LEAST_CELLS:
        return None
    ratios, within = log_ratios[known], variances[known]
    shift = float(np.median(ratios))
    squares = (ratios - shift) ** 2
    spread_squared = _between(squares, within, _target(count))
    return Drift(
        log_shift=shift,
        shift_error=float(np.sqrt(MEDIAN_OVER_MEAN * np.mean(spread_squared + within) / count)),
        spread=float(np.sqrt(spread_squared)),
        freedom=_freedom(count),
        cells=count,
        backends=tuple(dict.fromkeys(name for name, is_known in zip(backends, known, strict=True) if is_known)),
    )


def _between(squares: Array, within: Array, target: float) -> float:
    """The variance between runs for which the median of squares / (it + within) is the target; 0 where none is so low.

    It grows with that variance's inverse, so there is one solution at most.
    """

    def excess(variance: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.median(np.nan_to_num(squares / (variance + within), nan=0.0, posinf=1e300))) - target

    most = float(squares.max()) / target
    if most == 0 or excess(0.0) <= 0:
        return 0.0
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-14))


def judge_ratios(  # noqa: PLR0917  # two sides, and what is known of their cells
    base: Side, new: Side, drift: Drift | None, backends: Sequence[str], is_unchanged: NDArray[np.bool_], margins: Array
) -> pd.DataFrame:
    """RATIO_COLUMNS of every cell with the common drift taken off, but for `blocks`.

    Without a drift nothing tells what the runs do by themselves: the ratio stands alone, interval and p-value are NaN.
    """
    log_ratio = new.mean - base.mean
    if drift is None:
        return _frame(np.exp(log_ratio), *(np.full(len(log_ratio), np.nan) for _ in range(3)))
    log_ratio = log_ratio - drift.log_shift
    within = base.variance + new.variance
    run, run_freedom = _run_variances(log_ratio, within, drift, np.asarray(backends, dtype=object), is_unchanged)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = within + run
        parts = ((base.variance, base.freedom), (new.variance, new.freedom), (run, run_freedom))
        weights = sum(part**2 / freedom for part, freedom in parts)
        freedom = np.where(weights > 0, total**2 / weights, np.inf)
        error = np.sqrt(total)
        distance = np.abs(log_ratio) - np.log1p(margins)
        t = np.where(error > 0, distance / error, np.copysign(np.inf, distance))
        half = student_quantile((1 + CONFIDENCE) / 2, freedom) * error
        p_value = np.where(np.isfinite(total), np.minimum(1.0, 2 * student_tail(t, freedom)), np.nan)
        return _frame(np.exp(log_ratio), np.exp(log_ratio - half), np.exp(log_ratio + half), p_value)


def _run_variances(
    residuals: Array, within: Array, drift: Drift, backends: NDArray[np.object_], is_unchanged: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """What the runs add to the variance of each cell, and the degrees of freedom that it is worth.

    `residuals` are log ratios with the common drift taken off. NaN for a backend that was disturbed more than others.
    """
    variances = np.full(len(residuals), drift.spread**2)
    freedom = np.full(len(residuals), drift.freedom)
    known = np.isfinite(residuals) & np.isfinite(within)
    distances = [drift.log_shift] if len(drift.backends) == 1 else [0.0]
    for name in dict.fromkeys(backends[known]):
        of_backend = known & (backends == name)
        own = residuals[of_backend]
        centre = float(np.median(own))
        if is_unchanged[of_backend].all():
            distances.append(centre)
            continue
        if len(own) < LEAST_CELLS:
            continue
        own = own - centre
        spread_squared = _between(own**2, within[of_backend], _target(len(own)))
        typical = float(np.mean(within[of_backend]))
        chance = f_quantile(CONFIDENCE, _freedom(len(own)), drift.freedom)
        if spread_squared + typical > chance * (drift.spread**2 + typical):
            variances[of_backend] = np.nan
    whole = max(distance**2 for distance in distances)
    return variances + drift.shift_error**2 + np.where(is_unchanged, 0.0, whole), freedom


def _target(count: int) -> float:
    """The median of squares over their variance, for so many values about their own median."""
    return CHI_SQUARED_MEDIAN * (count - 1) / count


def _freedom(count: int) -> float:
    """Degrees of freedom that a variance from medians of so many values is worth."""
    return max(1.0, MEDIAN_EFFICIENCY * (count - 1))


def _frame(ratio: Array, low: Array, high: Array, p_value: Array) -> pd.DataFrame:
    names = [name for name in RATIO_COLUMNS if name != "blocks"]
    return pd.DataFrame(dict(zip(names, (ratio, low, high, p_value), strict=True)))
