"""Whether a cell that was right still is, whatever its speed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from convbench.plan.status import FAILED, Status
from convbench.verify import RIGHT_ON_NUMBERS

RIGHT, WRONG, UNPROVEN, NOT_COMPUTED = "right", "wrong", "not proven", "failed"


def standing(statuses: pd.Series[str], verdicts: pd.Series[str]) -> pd.Series[str]:
    """What each cell is: right, wrong, failed, or computed without a proof that it is right."""
    failed = statuses.isin([*FAILED, Status.OUT_OF_MEMORY])
    right = (statuses == Status.OK) & verdicts.isin(RIGHT_ON_NUMBERS)
    kinds = np.select([statuses == Status.WRONG, failed, right], [WRONG, NOT_COMPUTED, RIGHT], UNPROVEN)
    return pd.Series(kinds, index=statuses.index, dtype=object)


def changes(matched: pd.DataFrame) -> pd.Series[str]:
    """Of each matched cell: what it is where both sides are the same, else "right to wrong" and the like."""
    base = standing(matched["status_base"], matched["verdict_base"])
    new = standing(matched["status_new"], matched["verdict_new"])
    return base.where(base == new, base + " to " + new)
