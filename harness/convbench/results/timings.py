"""From the samples of a run to seconds for one call and to ratios of backends; pure functions on pandas frames.

- The time of a cell is the geometric mean, over its blocks, of the median of each block. Its quartiles are made in the
  same way from the quartiles of the blocks.
- The 95 % interval of that time is Student's t over the blocks. Few blocks say little about their spread, so it also
  uses what the spreads of all cells have in common; see moderation.py.
- A run of one block has the median of its samples, with an interval from order statistics. That interval says nothing
  about another process.
- A sample that was taken again, because other programs used the machine, counts by its last attempt. The journal keeps
  all attempts.
- Two backends are compared within the rounds in which both took part; see comparison.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from convbench.machine.core_speed import SLOW
from convbench.results.statistics import comparison
from convbench.results.statistics.comparison import CONFIDENCE
from convbench.results.statistics.distributions import student_quantile
from convbench.results.statistics.estimate import estimate
from convbench.results.statistics.moderation import moderated

CELL = ["workload", "case", "dtype", "batch_size", "backend", "pass"]
GROUP = ["workload", "case", "dtype", "batch_size", "pass"]
"""What two cells must share to be compared."""
ROUND = ["block", "round"]
_NO_CELLS = pd.MultiIndex.from_arrays([[]] * len(CELL), names=CELL)
SPEED_COLUMNS = ("fastest", "ratio", "ratio_low", "ratio_high", "p_value", "p_holm", "speed")
"""A cell compared with the fastest right cell of its group; `speed` is "fastest" or one of comparison.SPEEDS."""


def counted(samples: pd.DataFrame) -> pd.DataFrame:
    """The last attempt at each sample, with the `seconds` of one call."""
    last = samples.drop_duplicates([*CELL, *ROUND], keep="last")
    return last.assign(seconds=last["elapsed_s"] / last["loops"])


def summarise(samples: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell (index CELL): median_s, p25_s, p75_s, min_s, ci_low_s, ci_high_s, samples, blocks, ..."""
    if samples.empty:
        return pd.DataFrame(index=_NO_CELLS)
    taken = counted(samples)
    cells = taken.groupby(CELL, sort=False)
    seconds = cells["seconds"]
    sums = cells[["elapsed_s", "cpu_s", "minor_faults", "loops"]].sum()
    frame = _centres(taken).assign(
        min_s=seconds.min(),
        samples=seconds.size(),
        loops=cells["loops"].first(),
        effective_threads=sums["cpu_s"] / sums["elapsed_s"],
        minor_faults=sums["minor_faults"] / sums["loops"],
        drift=_drift(taken),
    )
    if "contended" in taken:
        frame = frame.assign(
            contended=cells["contended"].sum(),
            taken_again=samples.groupby(CELL, sort=False).size() - seconds.size(),
        )
    if "core_slowdown" in taken and taken["core_slowdown"].notna().any():
        slowed = (taken["core_slowdown"] > SLOW).groupby([taken[name] for name in CELL], sort=False)
        frame = frame.assign(slow_core=slowed.sum())
    return frame


def _centres(taken: pd.DataFrame) -> pd.DataFrame:
    """median_s, p25_s, p75_s, ci_low_s, ci_high_s and blocks of each cell."""
    within = taken.groupby([*CELL, "block"], sort=False)["seconds"]
    medians, p25, p75 = (np.log(within.quantile(share)).unstack("block") for share in (0.5, 0.25, 0.75))
    blocks = medians.count(axis=1)
    variances, freedom = moderated(medians.var(axis=1, ddof=1).to_numpy(), (blocks - 1).to_numpy(dtype=np.float64))
    half = student_quantile((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variances / blocks)
    mean = medians.mean(axis=1)
    frame = pd.DataFrame(
        {
            "median_s": np.exp(mean),
            "p25_s": np.exp(p25.mean(axis=1)),
            "p75_s": np.exp(p75.mean(axis=1)),
            "ci_low_s": np.exp(mean - half),
            "ci_high_s": np.exp(mean + half),
            "blocks": blocks,
        }
    )
    single = blocks.index[blocks == 1]
    if len(single):
        alone = taken.set_index(CELL).loc[single, "seconds"].groupby(level=CELL, sort=False)
        estimates = {key: estimate(values.tolist()) for key, values in alone}
        frame.loc[single, "ci_low_s"] = [estimates[key].ci_low for key in single]
        frame.loc[single, "ci_high_s"] = [estimates[key].ci_high for key in single]
    return frame


def _drift(taken: pd.DataFrame) -> pd.Series[float]:
    """By how much the later half of the rounds is slower (above 0) or faster (below 0): the median over the blocks.

    A backend that is still warming up becomes faster, and one that heats the processor becomes slower.
    """
    middle = taken.groupby([*CELL, "block"], sort=False)["round"].transform("max") / 2
    halves = taken[taken["round"] != middle]
    late = (halves["round"] > middle[halves.index]).map({False: "early", True: "late"})
    medians = np.log(halves.assign(half=late).groupby([*CELL, "block", "half"], sort=False)["seconds"].median())
    sides = medians.unstack("half").reindex(columns=["early", "late"])
    drift: pd.Series[float] = np.expm1((sides["late"] - sides["early"]).groupby(level=CELL, sort=False).median())
    return drift


ROUNDING = 1e-12
"""Two backends with the same times in another order may each seem faster than the other by so much."""


def against_fastest(samples: pd.DataFrame, right: pd.DataFrame, margin: float) -> pd.DataFrame:
    """SPEED_COLUMNS of the right cells, with the index CELL; `right` has the columns CELL and median_s.

    The fastest of a group is the one that no other beats when both are paired by round. It mostly has the smallest
    median_s, from which the search begins.
    """
    if samples.empty or right.empty:
        return pd.DataFrame(index=_NO_CELLS, columns=list(SPEED_COLUMNS), dtype=float)
    taken = counted(samples).merge(right[CELL], on=CELL)
    best = right.loc[right.groupby(GROUP, sort=False)["median_s"].idxmin(), [*GROUP, "backend"]]
    best = best.rename(columns={"backend": "fastest"})
    judged = _against(taken, best, margin)
    for _ in range(right["backend"].nunique()):  # pairs need not agree on an order
        beaten = judged[judged["ratio"] < 1 - ROUNDING]
        if beaten.empty:
            break
        faster = beaten.loc[beaten.groupby(GROUP, sort=False)["ratio"].idxmin()].set_index(GROUP)["backend"]
        best = best.assign(fastest=faster.reindex(pd.MultiIndex.from_frame(best[GROUP])).to_numpy()).fillna(
            {"fastest": best["fastest"]}
        )
        judged = _against(taken, best, margin)
    judged = judged.assign(ratio=judged["ratio"].mask(judged["ratio"].between(1 - ROUNDING, 1), 1.0))
    first = best.assign(backend=best["fastest"], speed="fastest", ratio=1.0, ratio_low=1.0, ratio_high=1.0)
    cells = pd.concat([first, judged], ignore_index=True).set_index(CELL)[list(SPEED_COLUMNS)]
    return cells.astype(dict.fromkeys(SPEED_COLUMNS[1:-1], float))


def _against(taken: pd.DataFrame, best: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Every cell but the best of each group, held against that."""
    marked = taken.merge(best, on=GROUP)
    reference = marked.loc[marked["backend"] == marked["fastest"], [*GROUP, *ROUND, "seconds"]]
    return _judge(marked[marked["backend"] != marked["fastest"]], reference, [*CELL, "fastest"], margin)


def between(samples: pd.DataFrame, left: str, right: str, margin: float) -> pd.DataFrame:
    """Time of `left` over that of `right` for each GROUP in which both were timed, with the columns of `compare`."""
    if samples.empty:
        return comparison.compare(samples, GROUP, margin)
    taken = counted(samples)
    reference = taken.loc[taken["backend"] == right, [*GROUP, *ROUND, "seconds"]]
    return _judge(taken[taken["backend"] == left], reference, GROUP, margin)


def _judge(others: pd.DataFrame, reference: pd.DataFrame, keys: Sequence[str], margin: float) -> pd.DataFrame:
    pairs = others.merge(reference, on=[*GROUP, *ROUND], suffixes=("", "_of_reference"))
    pairs = pairs.assign(log_ratio=np.log(pairs["seconds"] / pairs["seconds_of_reference"]))
    return comparison.compare(pairs, keys, margin)
