"""Whether a cell needs more memory than before, beyond a margin and beyond the range of its readings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from convbench.measure.memory import RESIDENT

MEMORY_MARGIN = 0.05
LEAST_BYTES = 2**20
"""A growth of less is no growth, however large its share: allocators take memory in steps."""
LEAST_RESIDENT_BYTES = 2**22
"""The same where resident memory was read. Over eleven runs of the same code the readings of a cell ranged over up to
2.7 MiB, while those within a run agreed: which heap pages are free before a call is settled by what ran before it."""


def memory_changes(matched: pd.DataFrame, margin: float = MEMORY_MARGIN) -> pd.Series[str]:
    """Whether each cell needs "more", "less" or the "same".

    Empty where a side has no peak, or another kind of counter measured it.
    """
    base, new = (_peaks(matched, side) for side in ("base", "new"))
    comparable = base["peak"].notna() & new["peak"].notna() & (base["source"] == new["source"])
    resident = base["source"] == RESIDENT
    least = np.maximum(margin * base["peak"], np.where(resident, LEAST_RESIDENT_BYTES, LEAST_BYTES))
    more = (new["peak"] - base["peak"] > least) & (new["low"] > base["high"])
    less = (base["peak"] - new["peak"] > least) & (new["high"] < base["low"])
    told = np.select([~comparable, more, less], ["", "more", "less"], "same")
    return pd.Series(told, index=matched.index, dtype=object)


def _peaks(matched: pd.DataFrame, side: str) -> pd.DataFrame:
    peak = pd.to_numeric(matched[f"peak_memory_bytes_{side}"])
    source = matched[f"memory_source_{side}"].astype(str)
    return pd.DataFrame(
        {
            "peak": peak,
            "low": pd.to_numeric(matched[f"peak_memory_min_bytes_{side}"]).fillna(peak),
            "high": pd.to_numeric(matched[f"peak_memory_max_bytes_{side}"]).fillna(peak),
            "source": source.where(~source.str.startswith(RESIDENT), RESIDENT),
        }
    )
