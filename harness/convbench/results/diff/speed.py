"""How the time of each matched cell changed: between two stored runs, or between two entrants of one run.

Only cells that are right on both sides are judged. In one run the sides took turns: they are paired by round, and no
drift can come between them (statistics/comparison.py). In two runs see stored.py.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from convbench.results.diff.stored import Drift, Side, estimate_drift, judge_ratios
from convbench.results.statistics.comparison import RATIO_COLUMNS, block_log_ratios, judge, ratios
from convbench.results.timings import CELL, GROUP, ROUND, counted

Array = NDArray[np.float64]
SPEED = ("ratio", "ratio_low", "ratio_high", "p_value", "p_holm", "speed")


def stored_speeds(
    base: pd.DataFrame, new: pd.DataFrame, cells: pd.DataFrame, unchanged: set[str]
) -> tuple[pd.DataFrame, Drift | None]:
    """SPEED of `cells` (columns CELL and margin) from the samples of two runs, and the drift between these."""
    keys = pd.MultiIndex.from_frame(cells[CELL])
    sides = (Side.of(_log_medians(base, keys)), Side.of(_log_medians(new, keys)))
    is_unchanged = cells["backend"].isin(unchanged).to_numpy()
    backends = cells["backend"].tolist()
    log_ratios = sides[1].mean - sides[0].mean
    variances = sides[0].variance + sides[1].variance
    drift = estimate_drift(
        log_ratios[is_unchanged], variances[is_unchanged], cells.loc[is_unchanged, "backend"].tolist()
    )
    margins = cells["margin"].to_numpy(dtype=np.float64)
    judged = judge(judge_ratios(*sides, drift, backends, is_unchanged, margins), margins)
    return judged[list(SPEED)].set_index(cells.index), drift


def _log_medians(samples: pd.DataFrame, keys: pd.MultiIndex) -> Array:
    """The log of the median seconds of each cell in each block, shape (cells, blocks); NaN where there is none."""
    medians = counted(samples).groupby([*CELL, "block"], sort=False)["seconds"].median()
    logs: pd.Series[float] = np.log(medians)
    return logs.unstack("block").reindex(keys).to_numpy(dtype=np.float64)


def paired_speeds(samples: pd.DataFrame, cells: pd.DataFrame, left: str, right: str) -> pd.DataFrame:
    """SPEED of `cells` (columns GROUP and margin): time of entrant `right` over that of `left`, paired by round."""
    taken = counted(samples)
    columns = [*GROUP, *ROUND, "seconds"]
    sides = [taken.loc[taken["backend"] == name, columns] for name in (left, right)]
    pairs = sides[0].merge(sides[1], on=[*GROUP, *ROUND], suffixes=("_left", "_right"))
    pairs = pairs.assign(log_ratio=np.log(pairs["seconds_right"] / pairs["seconds_left"]))
    blocks = block_log_ratios(pairs, GROUP).reindex(pd.MultiIndex.from_frame(cells[GROUP]))
    margins = cells["margin"].to_numpy(dtype=np.float64)
    compared = ratios(blocks.to_numpy(dtype=np.float64), margins)
    judged = judge(compared[list(RATIO_COLUMNS)], margins)
    return judged[list(SPEED)].set_index(cells.index)
