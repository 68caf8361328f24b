"""What the section on cells without a place shows: which they are, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.report.views.rows import read_rows
from convbench.results.summary import not_ranked


@dataclass(frozen=True, slots=True)
class NotRanked:
    """A row of summary.not_ranked: cells of a backend that have no place for the same reason."""

    backend: str
    status: str
    reason: str
    reasons: int
    cells: int
    cases: Sequence[str]
    batch_sizes: Sequence[int]
    passes: Sequence[str]


def not_ranked_view(measurements: pd.DataFrame) -> list[NotRanked]:
    """All cells without a place, the most alarming status first."""
    return read_rows(not_ranked(measurements), NotRanked)
