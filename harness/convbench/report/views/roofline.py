"""What the section on the roofline shows, worked out to plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.report.views.cases import CaseKey, case_labels, of_table, table_keys
from convbench.report.views.rows import read_rows
from convbench.results.roofline import Limits
from convbench.results.summary import right_cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """What a machine reaches at most with one dtype, and how that was measured."""

    label: str
    """The dtype, with the name of the run if there are several runs."""
    gflops_per_s: float
    gbytes_per_s: float
    backend: str
    case: str
    way: str
    threads: int
    device: str
    contended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """A backend: its best share of the roof and where it reached that, the median, and how many cells are over 1."""

    backend: str
    best: float
    case: str
    bound_by: str
    median: float
    cells: int
    over: int


@dataclass(frozen=True, slots=True)
class ShareTable:
    """The shares at one pass and batch size, the highest median first."""

    pass_name: str
    batch_size: int
    rows: Sequence[ShareRow]


@dataclass(frozen=True, slots=True)
class RooflineView:
    """Empty if no limit is known or no cell has a share of it.

    `unplaced` counts the cells that have a share but no place in the drawing, as they compute nothing.
    """

    roofs: Sequence[Roof] = ()
    tables: Sequence[ShareTable] = ()
    unplaced: int = 0


@dataclass(frozen=True, slots=True)
class _Share:
    """The columns of a cell that a row of shares is made from."""

    workload: str
    case: str
    dtype: str
    roofline_share: float
    bound_by: str


def roofline_view(measurements: pd.DataFrame, limits: Sequence[tuple[str, Limits]]) -> RooflineView:
    """The roofs and the shares of the right cells.

    `limits` are those of each run, with the name of the run if there are several.
    """
    shared = right_cells(measurements)
    shared = shared[shared["roofline_share"].notna()] if "roofline_share" in shared else shared.iloc[:0]
    roofs = _roofs(measurements, limits)
    if shared.empty or not roofs:
        return RooflineView()
    labels = case_labels(measurements)
    tables = [ShareTable(*key, _rows(of_table(shared, key), labels)) for key in table_keys(shared)]
    return RooflineView(roofs, tables, int((shared["flops"] == 0).sum()))


def _roofs(measurements: pd.DataFrame, limits: Sequence[tuple[str, Limits]]) -> list[Roof]:
    """A roof for each run and dtype that has cells."""
    dtypes = set(measurements["dtype"])
    return [
        Roof(
            label=f"{name}: {peak.dtype}" if name else peak.dtype,
            gflops_per_s=peak.gflops_per_s,
            gbytes_per_s=found.gbytes_per_s,
            backend=peak.backend,
            case=peak.case,
            way=found.bandwidth.way,
            threads=found.threads,
            device=found.device,
            contended=peak.contended or found.bandwidth.contended,
        )
        for name, found in limits
        for peak in found.peaks
        if peak.dtype in dtypes and peak.gflops_per_s is not None and found.bandwidth is not None
    ]


def _rows(cells: pd.DataFrame, labels: Mapping[CaseKey, str]) -> list[ShareRow]:
    rows = []
    for backend, own in cells.groupby("backend", sort=False):
        (best,) = read_rows(own.nlargest(1, "roofline_share"), _Share)
        rows.append(
            ShareRow(
                backend=str(backend),
                best=best.roofline_share,
                case=labels[CaseKey(best.workload, best.case, best.dtype)],
                bound_by=best.bound_by,
                median=float(own["roofline_share"].median()),
                cells=len(own),
                over=int((own["roofline_share"] > 1).sum()),
            )
        )
    if "run" in cells:  # shares of several machines are not ranked
        return rows
    return sorted(rows, key=lambda row: -row.median)
