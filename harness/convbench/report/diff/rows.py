"""The matched cells of a diff as rows of a table, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log

from convbench.report.views.rows import read_rows
from convbench.results.diff import Diff
from convbench.text.units import format_bytes

SPEED_ORDER = {"slower": 0, "inconclusive": 2, "": 3, "equivalent": 4, "faster": 5}
FAULTS = {"right to wrong": 0, "right to failed": 1}


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A matched cell."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: str
    correctness: str
    tensor: str
    reason: str
    base_s: float
    new_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p_holm: float
    margin: float
    speed: str
    base_peak_bytes: float
    new_peak_bytes: float
    memory: str

    @property
    def verdict(self) -> str:
        """What became of the cell, in short: the change of correctness before memory and speed."""
        if " to " in self.correctness or self.correctness in {"wrong", "failed"}:
            return self.correctness
        return self.speed or "not compared"

    @property
    def change_of_memory(self) -> str:
        """Both peaks, where they differ."""
        if self.memory not in {"more", "less"}:
            return ""
        return f"{format_bytes(self.base_peak_bytes)} → {format_bytes(self.new_peak_bytes)}"

    @property
    def is_worth_a_look(self) -> bool:
        """Whether something changed for sure."""
        return self.verdict not in {"equivalent", "inconclusive", "not compared"} or self.memory in {"more", "less"}

    @property
    def is_bad(self) -> bool:
        """Whether it makes the diff fail."""
        return self.correctness in FAULTS or self.speed == "slower" or self.memory == "more"


def worst_first(diff: Diff) -> list[DiffRow]:
    """All matched cells: what is wrong, what is slower, what needs more memory, what is undecided, the rest."""
    return sorted(read_rows(diff.cells, DiffRow), key=_badness)


def _badness(row: DiffRow) -> tuple[float, float]:
    fault = FAULTS.get(row.correctness)
    ratio = -log(row.ratio) if isfinite(row.ratio) else 0.0
    if fault is not None:
        return fault - 2.0, ratio
    place = SPEED_ORDER[row.speed]
    return (min(place, 1) if row.memory == "more" else place), ratio
