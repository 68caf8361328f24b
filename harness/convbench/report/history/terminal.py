"""A history on the terminal: what there is, and the latest steps; all lines are on the page."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.diff.words import percent
from convbench.report.tables import print_whole
from convbench.results.history import CellSeries, History, MachineHistory, SeriesStep
from convbench.text.units import format_seconds

MOST_STEPS = 20
MOST_SKIPPED = 3
WITH_LEVELS = 76
"""Columns of a terminal from which on the table has both levels."""


def print_history(history: History, console: Console | None = None) -> None:
    """Print the machines, each with its latest steps."""
    console = console or Console(markup=False, emoji=False)
    for machine in history.machines:
        _print_machine(machine, console)
    for text in history.skipped[:MOST_SKIPPED]:
        console.print(Text(f"left out: {text}", style="dim"), highlight=False)
    if len(history.skipped) > MOST_SKIPPED:
        console.print(Text(f"... and {len(history.skipped) - MOST_SKIPPED} more", style="dim"), highlight=False)


def latest_steps(machine: MachineHistory) -> list[tuple[CellSeries, SeriesStep]]:
    """The steps of all cells, the latest first, and of one run the largest slowdown first."""
    found = [(series, step) for series in machine.series for step in series.steps]
    return sorted(found, key=lambda each: (-each[1].run, -each[1].ratio))


def _print_machine(machine: MachineHistory, console: Console) -> None:
    console.print(Text(machine.name, style="bold"))
    found = latest_steps(machine)
    runs, cells = len(machine.runs), len(machine.series)
    steps = f"{len(found)} step{'' if len(found) == 1 else 's'}"
    console.print(f"{runs} run{'' if runs == 1 else 's'}, {cells} cells, {steps}", highlight=False)
    if found:
        print_whole(_table(machine, found[:MOST_STEPS], console), console)
    if len(found) > MOST_STEPS:
        console.print(Text(f"... and {len(found) - MOST_STEPS} earlier ones, all on the page", style="dim"))
    console.print()


def _table(machine: MachineHistory, found: list[tuple[CellSeries, SeriesStep]], console: Console) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    with_levels = console.width >= WITH_LEVELS
    for name in ("since", "case"):
        table.add_column(name, overflow="fold")
    table.add_column("batch", justify="right", no_wrap=True)
    table.add_column("pass", no_wrap=True)
    table.add_column("backend", overflow="fold")
    for name in (*(("before", "after") if with_levels else ()), "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("version", overflow="fold")
    for series, step in found:
        levels = [format_seconds(step.before_s), format_seconds(step.after_s)] if with_levels else []
        change = Text(percent(step.ratio), style="red" if step.ratio > 1 else "green")
        table.add_row(
            machine.runs[step.run].started[:10], series.case, str(series.batch_size), series.pass_name, series.backend,
            *levels, change, version_change(step),
        )  # fmt: skip
    return table


def version_change(step: SeriesStep) -> str:
    """The version at a step, with the one before where that is another."""
    same = step.version == step.version_before
    return step.version if same else f"{step.version_before or 'unknown'} → {step.version or 'unknown'}"
