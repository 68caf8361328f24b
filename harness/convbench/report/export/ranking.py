"""Which rows the tables for people show: a row for a case at a batch size, a column for each backend that has a time.

A cell that is not proven right shows its status in place of a time, so it can look neither fast nor slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convbench.report.views.fastest import RankedCell, RankingView, ShownCell, ranking_view
from convbench.results.run import Run
from convbench.results.summary import rank

RANKED = ("fastest", "tied", "behind")
"""Kinds of shown cells that have a place."""


@dataclass(frozen=True, slots=True)
class Row:
    """A case at a batch size in one pass, with a cell for each backend that has one."""

    case: str
    batch_size: int
    pass_name: str
    cells: Mapping[str, ShownCell]
    is_largest: bool
    """Whether the batch size is the largest at which the case has a time in that pass."""

    @property
    def fastest(self) -> RankedCell | None:
        """The fastest right cell; None where no cell is right."""
        found = [shown.cell for shown in self.cells.values() if shown.kind == "fastest"]
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Ranking:
    """All rows, by pass in the usual order and then by case; empty where nothing was timed."""

    backends: Sequence[str]
    rows: Sequence[Row]

    def of_pass(self, name: str) -> list[Row]:
        """The rows of a pass."""
        return [row for row in self.rows if row.pass_name == name]

    def by_case(self) -> list[Row]:
        """The rows with all passes of a case one below the other."""
        places = {case: place for place, case in enumerate(dict.fromkeys(row.case for row in self.rows))}
        return sorted(self.rows, key=lambda row: (places[row.case], row.batch_size))


def ranking(run: Run) -> Ranking:
    """The rows of a run."""
    if run.measurements["median_s"].isna().all():
        return Ranking((), ())
    view = ranking_view(run.measurements, rank(run.measurements))
    rows = [row for pass_name in view.passes for row in _rows(view, pass_name)]
    return Ranking(view.columns, rows)


def _rows(view: RankingView, pass_name: str) -> list[Row]:
    """The rows of a pass: all batch sizes of a case one below the other."""
    by_case: dict[str, list[tuple[int, Mapping[str, ShownCell]]]] = {}
    for table in view.tables:
        if table.pass_name == pass_name:
            for row in table.rows:
                by_case.setdefault(row.label, []).append((table.batch_size, row.cells))
    return [
        Row(case, batch_size, pass_name, cells, is_largest=place == len(sizes) - 1)
        for case, sizes in by_case.items()
        for place, (batch_size, cells) in enumerate(sizes)
    ]


def half_width(cell: RankedCell) -> float:
    """Half the width of the 95 % interval of the median, in percent of the median; NaN where there is none."""
    return 50 * (cell.ci_high_s - cell.ci_low_s) / cell.median_s
