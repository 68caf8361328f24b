"""What the section on speed shows: geometric means of ratios, and which backend is the fastest case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, log10
from typing import Literal

import pandas as pd

from convbench.report.views.cases import CaseKey, TableKey, case_labels, in_usual_order
from convbench.report.views.log_axis import LogAxis
from convbench.report.views.rows import read_rows
from convbench.results.summary import geometric_means, pass_place
from convbench.results.timings import GROUP

HEAT_DECADES = 2.0
"""A cell that is this many powers of ten behind the fastest has the full tint."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A row of summary.geometric_means."""

    backend: str
    ratio: float
    ratio_low: float
    ratio_high: float
    groups: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a mean is on the axis, and from where to where its ratios reach, in percent."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class MeanRow:
    """A backend in a panel; it has no reach if it is right in too few comparisons for a mean."""

    mean: Mean
    reach: Reach | None


@dataclass(frozen=True, slots=True)
class MeansPanel:
    """The backends in one pass. Of all `groups` comparisons the means take the `taken` that all backends have."""

    pass_name: str
    run: str
    """Its label, where there are several; a mean is of one run."""
    rows: Sequence[MeanRow]
    taken: int
    groups: int


@dataclass(frozen=True, slots=True)
class MeansView:
    """The geometric means, with one axis for all panels."""

    axis: LogAxis
    panels: Sequence[MeansPanel]


@dataclass(frozen=True, slots=True)
class RankedCell:
    """A row of the measurements with what summary.rank adds; `tied` has a meaning only if there is a `place`."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    pass_name: str
    backend: str
    operation: str
    status: str
    verdict: str
    reason: str
    median_s: float
    p25_s: float
    p75_s: float
    ci_low_s: float
    ci_high_s: float
    samples: int
    place: float
    ratio: float
    ratio_low: float
    ratio_high: float
    tied: bool


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell as the table shows it. A cell that is only "measured" has no place, and `status` says why."""

    cell: RankedCell
    kind: Literal["fastest", "tied", "behind", "measured", "empty"]
    status: str
    heat: int
    """Percent of the full tint."""


@dataclass(frozen=True, slots=True)
class RankingRow:
    """A case, with a cell for each backend that has one."""

    label: str
    operation: str
    cells: Mapping[str, ShownCell]


@dataclass(frozen=True, slots=True)
class RankingTable:
    """The cases at one pass and batch size."""

    pass_name: str
    batch_size: int
    rows: Sequence[RankingRow]


@dataclass(frozen=True, slots=True)
class RankingView:
    """All tables; their columns are the backends that have a time in any of them."""

    columns: Sequence[str]
    tables: Sequence[RankingTable]
    passes: Sequence[str]
    batch_sizes: Sequence[int]
    default: TableKey
    """The pass and batch size that are shown first."""


def means_view(ranked: pd.DataFrame) -> MeansView:
    """The geometric means of each pass."""
    by = ["pass", "run"] if "run" in ranked else ["pass"]
    means = geometric_means(ranked, by=by)
    runs = list(dict.fromkeys(ranked["run"])) if "run" in ranked else [""]
    axis = LogAxis.up_to(float(means["ratio_high"].max()) if len(means) else 1.0)
    panels = []
    for name, run in product(in_usual_order(means["pass"].unique()), runs):
        own, cells = (
            frame[(frame["pass"] == name) & ((frame["run"] == run) if run else True)] for frame in (means, ranked)
        )
        if own.empty:
            continue
        rows = [MeanRow(mean, _reach(mean, axis)) for mean in read_rows(own, Mean)]
        taken = max((row.mean.groups for row in rows), default=0)
        panels.append(MeansPanel(name, run, rows, taken, _groups(cells)))
    return MeansView(axis, panels)


def _reach(mean: Mean, axis: LogAxis) -> Reach | None:
    if not isfinite(mean.ratio):
        return None
    return Reach(axis.place(mean.ratio), axis.place(mean.ratio_low), axis.place(mean.ratio_high))


def _groups(ranked: pd.DataFrame) -> int:
    return int(ranked.groupby(GROUP).ngroups)


def ranking_view(measurements: pd.DataFrame, ranked: pd.DataFrame) -> RankingView:
    """A table for each pass and batch size, with a row for each case and a column for each backend that has a time."""
    measured = measurements["median_s"].notna()
    columns = [str(name) for name in pd.unique(measurements.loc[measured, "backend"])]
    if "run" in measurements:  # the runs of one backend stand beside each other
        firsts = list(dict.fromkeys(name.partition(" · ")[0] for name in columns))
        columns.sort(key=lambda name: firsts.index(name.partition(" · ")[0]))
    labels = case_labels(measurements)
    tables: dict[TableKey, dict[CaseKey, dict[str, ShownCell]]] = {}
    operations: dict[CaseKey, str] = {}
    for cell in ranked_cells(measurements[measurements["backend"].isin(columns)], ranked):
        case = CaseKey(cell.workload, cell.case, cell.dtype)
        operations.setdefault(case, cell.operation)
        row = tables.setdefault(TableKey(cell.pass_name, cell.batch_size), {}).setdefault(case, {})
        row[cell.backend] = shown_cell(cell)
    order = sorted(tables, key=lambda key: (pass_place(key.pass_name), key.batch_size))
    return RankingView(
        columns=columns,
        tables=[
            RankingTable(*key, [RankingRow(labels[case], operations[case], row) for case, row in tables[key].items()])
            for key in order
        ],
        passes=in_usual_order(measurements["pass"].unique()),
        batch_sizes=sorted({key.batch_size for key in tables}),
        default=_default_table(measurements, ranked),
    )


def ranked_cells(cells: pd.DataFrame, ranked: pd.DataFrame) -> list[RankedCell]:
    """The rows of measurements, each with its place where summary.rank gives it one."""
    places = ranked[["place", "ratio", "ratio_low", "ratio_high", "tied"]]
    return read_rows(cells.drop(columns=list(places), errors="ignore").join(places), RankedCell)


def shown_cell(cell: RankedCell) -> ShownCell:
    """How a table shows a cell: as what, with which words, and how far behind."""
    kind: Literal["fastest", "tied", "behind", "measured", "empty"]
    ranked = isfinite(cell.place)
    if ranked:
        kind = "fastest" if cell.place == 1 else "tied" if cell.tied else "behind"
    else:
        kind = "measured" if isfinite(cell.median_s) else "empty"
    status = cell.status if cell.status != "ok" else cell.verdict or "not checked"
    heat = min(1.0, log10(cell.ratio) / HEAT_DECADES) if ranked else 0.0
    return ShownCell(cell, kind, status, round(100 * heat))


def _default_table(measurements: pd.DataFrame, ranked: pd.DataFrame) -> TableKey:
    """The forward pass, and the largest of the batch sizes at which the most cases have a fastest backend."""
    passes = in_usual_order(measurements["pass"].unique())
    first = passes[0] if passes else ""
    winners = ranked[(ranked["pass"] == first) & (ranked["place"] == 1)].groupby("batch_size").size()
    if winners.empty:
        return TableKey(first, int(measurements["batch_size"].max()) if len(measurements) else 0)
    return TableKey(first, int(winners[winners == winners.max()].index.max()))
