"""What formats that hold times export: the right cells of a run, each with its samples.

A cell that is wrong, unproven or not timed has no place in them, so it cannot look fast there. Fields have the names of
columns, which are declared in results/columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from convbench.errors import UsageError
from convbench.report.views.not_ranked import not_ranked_view
from convbench.report.views.rows import read_rows
from convbench.results.run import Run
from convbench.results.summary import right_cells
from convbench.results.timings import CELL, counted

Key = tuple[object, ...]
"""The values of the columns CELL."""
NANOSECONDS = 1e9
"""In a second."""


@dataclass(frozen=True, slots=True)
class CellTimes:
    """A row of the measurements that may be exported, as far as formats need it. Times are seconds of one call."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: str
    operation: str
    median_s: float
    p25_s: float
    p75_s: float
    min_s: float
    ci_low_s: float
    ci_high_s: float
    samples: int
    loops: int
    blocks: int


@dataclass(frozen=True, slots=True)
class TimedCell:
    """A right cell; `seconds` are those of one call, a tuple of samples for each block."""

    times: CellTimes
    seconds: tuple[tuple[float, ...], ...]

    @property
    def item(self) -> str:
        """What is computed, in words: the same in every run, for every backend."""
        times = self.times
        return f"{times.workload}: {times.case}, batch {times.batch_size}, {times.dtype}, {times.pass_name}"

    @property
    def name(self) -> str:
        """The item and who computes it: the name of the cell in formats that have one name only."""
        return f"{self.item}, {self.times.backend}"

    @property
    def interval_s(self) -> tuple[float, float] | None:
        """The stored 95 % interval of the median; None where too few samples were taken for one."""
        low, high = self.times.ci_low_s, self.times.ci_high_s
        return (low, high) if isfinite(low) and isfinite(high) else None

    @property
    def all_seconds(self) -> tuple[float, ...]:
        """The samples of all blocks."""
        return tuple(value for block in self.seconds for value in block)


def timed_cells(run: Run) -> list[TimedCell]:
    """The cells of a run that formats with times hold, in the order of the run; UsageError where it has none."""
    counts = dict.fromkeys(("samples", "loops", "blocks"), int)  # numbers with a point, where some cell has none
    rows = read_rows(right_cells(run.measurements).astype(counts), CellTimes)
    if not rows:
        raise UsageError(f"{run.folder} has no right cell with a time; junit, markdown and parquet need none")
    seconds = _seconds(run)
    return [TimedCell(row, seconds[_key(row)]) for row in rows]


def _seconds(run: Run) -> dict[Key, tuple[tuple[float, ...], ...]]:
    """The samples of every cell, those of each block together."""
    taken = counted(run.samples)
    blocks: dict[Key, list[tuple[float, ...]]] = {}
    for (*key, _), values in taken.groupby([*CELL, "block"], sort=False)["seconds"]:
        blocks.setdefault(tuple(key), []).append(tuple(map(float, values)))
    return {key: tuple(values) for key, values in blocks.items()}


def _key(row: CellTimes) -> Key:
    return (row.workload, row.case, row.dtype, row.batch_size, row.backend, row.pass_name)


def left_out(run: Run) -> str:
    """How many cells formats with times leave out, by status; empty where they have all."""
    counts: dict[str, int] = {}
    for entry in not_ranked_view(run.measurements):
        counts[entry.status] = counts.get(entry.status, 0) + entry.cells
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())
