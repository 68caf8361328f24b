"""What a diff says as a whole, and which cells make it fail."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from convbench.results.diff.result import Failure, FailureKind, Verdict
from convbench.results.diff.stored import Drift
from convbench.text.units import format_bytes, format_ratio, format_ratio_range, format_share

CORRECTNESS_FAILURES: tuple[FailureKind, ...] = ("right to wrong", "right to failed")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A row of the matched cells, as far as a failure tells it."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: str
    correctness: str
    tensor: str
    reason: str
    speed: str
    ratio: float
    ratio_low: float
    ratio_high: float
    margin: float
    memory: str
    base_peak_bytes: float
    new_peak_bytes: float

    def failure(self, kind: FailureKind, text: str) -> Failure:
        return Failure(
            kind=kind, workload=self.workload, case=self.case, dtype=self.dtype, batch_size=int(self.batch_size),
            backend=self.backend, pass_name=self.pass_name, text=text,
        )  # fmt: skip


def failures(cells: pd.DataFrame) -> tuple[Failure, ...]:
    """Every failure of matched cells (columns DIFF_CELLS): wrong first, then failed, slower and larger, worst first."""
    rows = [
        _Cell(*values)
        for values in cells.rename(columns={"pass": "pass_name"})[list(_Cell.__slots__)].itertuples(
            index=False, name=None
        )
    ]
    return (*_became("right to wrong", rows), *_became("right to failed", rows), *_slower(rows), *_larger(rows))


def verdict(found: tuple[Failure, ...], drift: Drift | None, margin: float, *, is_paired: bool) -> Verdict:
    """The verdict of a diff.

    A stored diff without a failure is unproven where the runs themselves move a cell by more than the margin, common
    drift taken off: then a regression of that size could not have been seen. Without unchanged cells nothing tells.
    """
    if found:
        return "regressed"
    if not is_paired and (drift is None or drift.reach > margin):
        return "unproven"
    return "passed"


def _became(kind: FailureKind, rows: list[_Cell]) -> list[Failure]:
    return [row.failure(kind, _fault(row)) for row in rows if row.correctness == kind]


def _fault(row: _Cell) -> str:
    """The reason, which names the tensor where one is wrong."""
    named = not row.tensor or row.tensor in row.reason
    return row.reason if named else f"{row.tensor}: {row.reason}"


def _slower(rows: list[_Cell]) -> list[Failure]:
    slower = sorted((row for row in rows if row.speed == "slower"), key=lambda row: -row.ratio)
    return [
        row.failure(
            "slower",
            f"{format_ratio(row.ratio)} the time (95 %: {format_ratio_range(row.ratio_low, row.ratio_high)}), "
            f"more than the margin of {format_share(row.margin)}",
        )
        for row in slower
    ]


def _larger(rows: list[_Cell]) -> list[Failure]:
    larger = sorted(
        (row for row in rows if row.memory == "more"), key=lambda row: row.base_peak_bytes - row.new_peak_bytes
    )
    return [
        row.failure("more memory", f"peak {format_bytes(row.new_peak_bytes)}, was {format_bytes(row.base_peak_bytes)}")
        for row in larger
    ]
