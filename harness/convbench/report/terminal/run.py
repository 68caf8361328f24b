"""The summary of a run on the terminal: who is right, who is fastest in each case, and how far the others are behind.

It fits 80 columns and uses more if there are more; on fewer, its tables are told in parts, as no number and no command
is ever cut. The ranking is that of the largest batch size of each case; what changes below it has lines of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.console import plain_console
from convbench.report.files import REPORT
from convbench.report.tables import print_whole, with_heads
from convbench.report.views.across_batch_sizes import joined
from convbench.report.views.batch_sizes_text import Per, print_batch_sizes
from convbench.report.views.largest_batch import BatchRow, largest_batch_view
from convbench.report.views.left_out import left_out_lines
from convbench.report.views.networks import network_lines
from convbench.report.views.right import Checks
from convbench.report.views.rows import read_rows
from convbench.results.run import Run
from convbench.results.summary import backend_verdicts, not_computed, rank
from convbench.text.commands import command_lines
from convbench.text.units import format_bytes, format_duration, format_ratio, format_seconds
from convbench.verify import DIFFERS_ON_NAN

COMMAND_INDENT = "    "
MOST_FAULTS = 10
"""How many reasons are shown; the report has all of them."""
MOST_NAMED = 3
"""Cases that one of the reasons names."""
VERDICT_STYLE = {"right": "green", "wrong": "bold red", "untrusted": "yellow", "": "dim"}


@dataclass(frozen=True, slots=True)
class NotComputed:
    """A row of summary.not_computed: cases that no backend computed for the same reasons."""

    cases: Sequence[str]
    reasons: str


def print_run(
    run: Run,
    *,
    folder: Path | None = None,
    console: Console | None = None,
    tracebacks: bool = False,
    explain: bool = False,
    per: Per = "call",
) -> None:
    """Print the summary of a run. `folder` is where its report is.

    On request with the tracebacks of what failed, with what explains a wrong result, and with the throughput over batch
    sizes in place of times (`per` image).
    """
    console = console or plain_console()
    ranked = rank(run.measurements)
    _print_backends(run, console)
    if not ranked.empty:
        _print_ranking(run, ranked, console)
        print_batch_sizes(ranked, run.backends, console, per=per)
    _print_networks(run, console)
    _print_largest_batches(run, console)
    _print_faults(run, console, tracebacks=tracebacks, explain=explain)
    _print_on_nan(run, console)
    _print_not_computed(run, console)
    settings = run.header["settings"]
    known = {name: settings[name] for name in ("budget_s", "within_s", "passes", "timing") if name in settings}
    _print_left_out(left_out_lines(run.measurements, **known), console)
    console.print(
        f"{len(run.measurements):,} cells in {format_duration(run.duration_s)}, {settings['threads']} threads, "
        f"{'cold caches, ' if settings.get('cache') == 'cold' else ''}"
        f"{'tuned allocator, ' if settings.get('allocator') == 'tuned' else ''}"
        f"{run.header['machine'].get('processor', '')}",
        style="dim",
        highlight=False,
    )
    console.print(f"{(folder or run.folder) / REPORT}", highlight=False, soft_wrap=True)


def _print_backends(run: Run, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("backend", "version", "checks"):
        table.add_column(name, no_wrap=name != "checks", overflow="fold")
    checks = {row.backend: row for row in read_rows(backend_verdicts(run.measurements, run.agreement), Checks)}
    for record in run.backends:
        if record.name in checks:
            row = checks[record.name]
            text = Text(row.verdict or "not checked", style=VERDICT_STYLE[row.verdict])
            text.append(row.but, "bold red")
            if row.tensors:
                text.append(f"  {row.agreeing:,} of {row.tensors:,} tensors agree", "dim")
            if row.differing:
                text.append(f"  {row.differing:,} differ{'s' if row.differing == 1 else ''} on NaN", "yellow")
            others = _other_statuses(run.measurements, record.name)
            text.append(f"  {others}" if others else "", "dim")
            text.append(f"  {record.entered}" if record.entered else "", "dim")
        else:
            text = Text(f"{record.status}: {record.reason}" if record.reason else record.status, style="dim")
        table.add_row(record.name, record.version, text)
    print_whole(table, console)
    console.print()


def _other_statuses(measurements: pd.DataFrame, backend: str) -> str:
    statuses = measurements.loc[measurements["backend"] == backend, "status"].value_counts()
    return ", ".join(f"{count} {status}" for status, count in statuses.items() if status not in ("ok", "wrong"))


def _print_ranking(run: Run, ranked: pd.DataFrame, console: Console) -> None:
    """Print a line for each case and pass at the largest batch size, with the ratio of each backend."""
    largest = ranked.groupby(["workload", "case", "dtype", "pass"], sort=False)["batch_size"].transform("max")
    shown = ranked[ranked["batch_size"] == largest]
    names = [record.name for record in run.backends if record.name in set(shown["backend"])]
    console.print("Time of the fastest right backend, and of each as a multiple of it, at the largest batch size.")
    console.print(
        "Green: cannot be distinguished from the fastest. The report has the confidence interval of each.", style="dim"
    )
    for table in _with_heads(names, run, console, lambda heads: _ranking(shown, heads)):
        print_whole(table, console)
        console.print()


def _ranking(shown: pd.DataFrame, heads: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("case", overflow="fold")
    table.add_column("batch", justify="right", no_wrap=True)
    table.add_column("pass", no_wrap=True)
    table.add_column("fastest", justify="right", no_wrap=True)
    table.add_column("±%", justify="right", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", no_wrap=True)
    for (_, case, _, pass_name), group in shown.groupby(["workload", "case", "dtype", "pass"], sort=False):
        best = group.iloc[0]
        cells = []
        for name in heads:
            row = group[group["backend"] == name]
            if row.empty:
                cells.append(Text("-", style="dim"))
            else:
                style = "bold green" if bool(row["tied"].iloc[0]) else ""
                cells.append(Text(format_ratio(float(row["ratio"].iloc[0])).rstrip("×"), style=style))
        fastest, spread = format_seconds(float(best["median_s"])), f"{_half_width(best):.0f}"
        table.add_row(str(case), str(best["batch_size"]), str(pass_name), fastest, spread, *cells)
    return table


def _print_networks(run: Run, console: Console) -> None:
    """Print sentences on each workload that is a network."""
    lines = network_lines(run.networks)
    if lines:
        console.print("Whole networks, the sum of their layers:")
    for line in lines:
        console.print(line, highlight=False)
    if lines:
        console.print()


def _print_largest_batches(run: Run, console: Console) -> None:
    found = largest_batch_view(run.largest_batches)
    if not found.rows:
        return
    console.print(f"The largest batch size that fits into {format_bytes(found.limit)} of a process.")
    for table in _with_heads(found.columns, run, console, lambda heads: _largest_batches(found.rows, heads)):
        print_whole(table, console)
        console.print()


def _largest_batches(rows: Sequence[BatchRow], heads: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("case", overflow="fold")
    table.add_column("pass", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        texts = [row.cells[name].text if name in row.cells else "-" for name in heads]
        table.add_row(row.label, row.pass_name, *texts)
    return table


def _half_width(cell: pd.Series[float]) -> float:
    """Half the width of the 95 % interval of the median, in % of the median."""
    return float(50 * (cell["ci_high_s"] - cell["ci_low_s"]) / cell["median_s"])


def _with_heads(
    names: Sequence[str], run: Run, console: Console, make: Callable[[Mapping[str, str]], Table]
) -> Iterator[Table]:
    return with_heads(names, {record.name: record.short_name for record in run.backends}, console, make)


def _print_not_computed(run: Run, console: Console) -> None:
    """Print the cases that no backend computed, and why."""
    rows = read_rows(not_computed(run.measurements), NotComputed)
    for row in rows[:MOST_FAULTS]:
        console.print(
            Text(f"not computed: {joined(row.cases, MOST_NAMED)}: {row.reasons}", style="yellow"), soft_wrap=True
        )
    if len(rows) > MOST_FAULTS:
        console.print(f"... and {len(rows) - MOST_FAULTS} more lines, all in the report", style="yellow")
    if rows:
        console.print()


def _print_left_out(lines: Sequence[str], console: Console) -> None:
    """Print what the settings left out, with the options that bring it back."""
    for line in lines:
        console.print(Text(line, style="yellow"), highlight=False)
    if lines:
        console.print()


def _print_on_nan(run: Run, console: Console) -> None:
    """Print where a backend differs on NaN or infinity, a line a backend."""
    cells = run.measurements
    for backend, group in cells[cells["verdict"] == DIFFERS_ON_NAN].groupby("backend", sort=False):
        first = group.iloc[0]
        more = _and_more(len(group) - 1)
        line = f"{DIFFERS_ON_NAN}: {backend}, {first['case']} {first['pass']} {first['dtype']}{more}: {first['reason']}"
        console.print(Text(line, style="yellow"), highlight=False)


def _and_more(cells: int) -> str:
    return f" and {cells} more cell{'s' if cells > 1 else ''}" if cells else ""


def _print_faults(run: Run, console: Console, *, tracebacks: bool, explain: bool) -> None:
    """Print what is wrong or failed, each reason of a backend once. A long list is cut, with the number of the rest."""
    cells = run.measurements
    bad = cells[~cells["status"].isin(["ok", "skipped", "unsupported", "unavailable"])]
    faults = list(bad.groupby(["backend", "status", "reason"], sort=False))
    has_traceback = False
    for (backend, status, reason), group in faults[:MOST_FAULTS]:
        first = group.iloc[0]
        trace = str(first.get("traceback", ""))  # the column is missing if nothing in the run raised
        where = f"{first['case']} {first['pass']} batch {first['batch_size']} {first['dtype']}"
        more = _and_more(len(group) - 1)
        line = Text(f"{status}: {backend}, {where}{more}: ", style="bold red")
        console.print(line.append(str(reason), style="red"), highlight=False)
        if explain and first.get("explanation"):
            console.print(Text(f"  why: {first['explanation']}"), highlight=False)
        if first["reproduce"]:
            _print_command("again", str(first["reproduce"]), console)
        if tracebacks and trace:
            console.print(Text(trace), highlight=False, soft_wrap=True)
        has_traceback = has_traceback or bool(trace)
    if len(faults) > MOST_FAULTS:
        console.print(f"... and {len(faults) - MOST_FAULTS} more reasons, all in the report", style="red")
    if has_traceback and not tracebacks:
        _print_command("tracebacks", shlex.join(["convbench", "--debug", "report", str(run.folder)]), console)
    if faults:
        console.print()


def _print_command(what: str, command: str, console: Console) -> None:
    """Print a command so that it can be copied: where it is too long for a terminal, it goes on between its words."""
    whole = f"  {what}: {command}"
    if not console.is_terminal or len(whole) <= console.width:
        console.print(Text(whole, style="dim"), highlight=False, soft_wrap=True)
        return
    console.print(Text(f"  {what}:", style="dim"))
    for line in command_lines(command, console.width - len(COMMAND_INDENT)):
        console.print(Text(COMMAND_INDENT + line, style="dim"), highlight=False, soft_wrap=True)
