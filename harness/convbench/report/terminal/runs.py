"""Several runs on the terminal: what each was, and the same cell of all of them in one row."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.files import REPORT
from convbench.report.tables import print_whole, side_by_side
from convbench.report.views.cases import CaseKey, case_labels
from convbench.report.views.runs import COMMAND, RunsView, cells_by_run, runs_view
from convbench.results.runs import Runs
from convbench.results.summary import rank, right_cells
from convbench.text.units import format_seconds

CELL = ["workload", "case", "dtype", "batch_size", "pass", "backend"]


def print_runs(runs: Runs, *, folder: Path, console: Console | None = None) -> None:
    """Print the table of runs, what each says by itself, and the times of every cell. `folder` has the report."""
    console = console or Console(markup=False, emoji=False)
    view = runs_view(runs)
    print_whole(_facts(view), console)
    console.print()
    commands = next(fact.texts for fact in view.facts if fact.name == COMMAND)
    for label, answer, command in zip(view.labels, view.answers, commands, strict=True):
        console.print(Text.assemble((f"{label}: ", "bold"), answer), highlight=False)
        console.print(Text(f"  {command}", style="dim"), highlight=False, soft_wrap=True)
    console.print()
    _print_times(runs, console)
    console.print(f"{folder / REPORT}", highlight=False, soft_wrap=True)


def _facts(view: RunsView) -> Table:
    """A column a run. Commands are too long for it and stand below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("run", no_wrap=True)
    for label in view.labels:
        table.add_column(label, overflow="fold")
    for fact in view.facts:
        if fact.name != COMMAND:
            row = [value or "-" for value in fact.texts]
            table.add_row(Text(fact.name, style="" if fact.differs else "dim"), *row)
    return table


def _print_times(runs: Runs, console: Console) -> None:
    """Print the median times of the right cells, at the largest batch size that every run with the case has."""
    cells = right_cells(cells_by_run(runs))
    if cells.empty:
        return
    shown = cells[cells["batch_size"] == _common_batch(cells)]
    order = shown.groupby(CELL[:-1], sort=False).ngroup()
    shown = shown.loc[order.sort_values(kind="stable").index]
    console.print("Median time of each right cell, at the largest batch size that all runs of a case have.")
    console.print("Green is the fastest of its own run; runs are not ranked against each other.", style="dim")
    for table in side_by_side(runs.labels, lambda some: _times(shown, rank(shown), some), console):
        print_whole(table, console)
        console.print()


def _common_batch(cells: pd.DataFrame) -> pd.Series[int]:
    """For each cell the largest batch size of its case that the most runs have."""
    case = ["workload", "case", "dtype", "pass"]
    runs = cells.groupby([*case, "batch_size"], sort=False)["run"].transform("nunique")
    most = runs.groupby([cells[key] for key in case], sort=False).transform("max")
    common = cells["batch_size"].where(runs == most)
    return common.groupby([cells[key] for key in case], sort=False).transform("max")


def _times(cells: pd.DataFrame, ranked: pd.DataFrame, labels: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("case", overflow="fold")
    table.add_column("batch", justify="right", no_wrap=True)
    table.add_column("pass", no_wrap=True)
    table.add_column("backend", no_wrap=True)
    for label in labels:
        table.add_column(label, justify="right", overflow="fold")
    cases = case_labels(cells)
    first = set(ranked.index[ranked["place"] == 1])
    for (*case, batch_size, pass_name, backend), group in cells.groupby(CELL, sort=False):
        row = []
        for label in labels:
            own = group[group["run"] == label]
            time = float(own["median_s"].iloc[0]) if len(own) else float("nan")
            style = "bold green" if len(own) and own.index[0] in first else ""
            row.append(Text(format_seconds(time), style=style) if isfinite(time) else Text("-", style="dim"))
        table.add_row(cases[CaseKey(*map(str, case))], str(batch_size), str(pass_name), str(backend), *row)
    return table
