"""A diff on the terminal: the answer in a sentence, why, and the cells with the worst first.

It fits 60 columns: narrower terminals leave out what is also in the JSON and on the page.
"""

from __future__ import annotations

from math import isfinite

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.diff import words
from convbench.report.diff.rows import DiffRow, worst_first
from convbench.report.tables import print_whole
from convbench.results.diff import Diff
from convbench.text.units import MISSING, format_ratio_range, format_seconds

MOST_ROWS = 20
"""Rows of the table; those that make the diff fail always stand there."""
MOST_FAULTS = 10
MOST_GAPS = 6
WITH_INTERVAL = 76
WITH_TIMES = 92
"""Columns of a terminal from which on the table has the intervals, and both times."""
HEAD_STYLE = {"regressed": "bold red", "unproven": "bold yellow", "passed": "bold green"}
VERDICT_STYLE = {"slower": "red", "faster": "green", "wrong": "bold red", "wrong to right": "green"}


def print_diff(diff: Diff, console: Console | None = None) -> None:
    """Print it; nothing in it is longer than the terminal is wide, but for names of files."""
    console = console or Console(markup=False, emoji=False)
    console.print(Text(words.headline(diff), style=HEAD_STYLE[diff.verdict]))
    _print_lines([f"base {diff.base}, new {diff.new}", *words.versions(diff)], console, style="dim")
    _print_lines([text for text in (words.drift_sentences(diff), *diff.notes) if text], console)
    console.print()
    _print_faults(diff, console)
    _print_table(worst_first(diff), console)
    console.print(words.summary(diff), highlight=False)
    gaps = words.gaps(diff)
    _print_lines([gap.text for gap in gaps[:MOST_GAPS]], console, style="dim")
    if len(gaps) > MOST_GAPS:
        _print_lines(
            [f"... and cells for {len(gaps) - MOST_GAPS} more reasons, all in --format json"], console, style="dim"
        )
    if advice := words.recommendation(diff):
        console.print()
        console.print(advice, highlight=False)


def _print_lines(lines: list[str], console: Console, style: str = "") -> None:
    for line in lines:
        console.print(Text(line, style=style), highlight=False)


def _print_faults(diff: Diff, console: Console) -> None:
    """What is no longer right, with its reason; what is slower stands in the table."""
    faults = [failure for failure in diff.failures if failure.kind in {"right to wrong", "right to failed"}]
    for failure in faults[:MOST_FAULTS]:
        line = Text(f"{failure.kind}: {failure.cell}: ", style="bold red")
        console.print(line.append(failure.text, style="red"), highlight=False)
    if len(faults) > MOST_FAULTS:
        console.print(f"... and {len(faults) - MOST_FAULTS} more", style="red", highlight=False)
    if faults:
        console.print()


def _print_table(rows: list[DiffRow], console: Console) -> None:
    shown = [row for number, row in enumerate(rows) if row.is_bad or number < MOST_ROWS]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    with_times, with_interval = console.width >= WITH_TIMES, console.width >= WITH_INTERVAL
    table.add_column("case", overflow="fold")
    table.add_column("batch", justify="right", no_wrap=True)
    table.add_column("pass", no_wrap=True)
    table.add_column("backend", overflow="fold")
    for name in ("base", "new") if with_times else ():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    if with_interval:
        table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=False)
    for row in shown:
        times = [format_seconds(row.base_s), format_seconds(row.new_s)] if with_times else []
        interval = [interval_of(row)] if with_interval else []
        verdict = Text(row.verdict, style=VERDICT_STYLE.get(row.verdict, "bold red" if row.is_bad else "dim"))
        if row.change_of_memory:
            verdict.append(f"; memory {row.change_of_memory}", "red" if row.memory == "more" else "green")
        table.add_row(
            row.case,
            str(row.batch_size),
            row.pass_name,
            row.backend,
            *times,
            words.percent(row.ratio),
            *interval,
            verdict,
        )
    print_whole(table, console)
    if len(rows) > len(shown):
        console.print(f"... and {len(rows) - len(shown)} more, none of them worse", style="dim", highlight=False)
    console.print()


def interval_of(row: DiffRow) -> str:
    """The 95 % interval of the change, in per cent or as multiples; a dash where there is none."""
    if not isfinite(row.ratio_low):
        return MISSING
    if row.ratio_high >= words.MANY_TIMES:
        return format_ratio_range(row.ratio_low, row.ratio_high)
    return f"{words.percent(row.ratio_low).removesuffix(' %')} to {words.percent(row.ratio_high)}"
