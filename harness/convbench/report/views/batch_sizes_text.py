"""The batch sizes of a run on the terminal: who is the fastest from where on, with time and peak memory.

Of one case there is a table of batch sizes and backends. Of several there are sentences, each of which holds for some
cases, and a table of the fastest backend's numbers in each case and pass. Both tell the time of a call, or on request
the throughput: images per second, and the peak memory of an image.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.tables import print_whole, side_by_side, with_heads
from convbench.report.views.across_batch_sizes import Across, AcrossView, Ranked, across_batch_sizes, joined
from convbench.report.views.headline import join_names
from convbench.results.events.state import BackendRecord
from convbench.text.units import format_bytes, format_rate, format_seconds

Per = Literal["call", "image"]
"""What the numbers are of: a call, which computes a whole batch, or one image of it."""
LEAST_WIDTH = 20
"""Sentences are not wrapped to fewer letters."""
MOST_CASES = 12
"""Cases in the table of several; the report has all."""
WHAT: Mapping[Per, tuple[str, str]] = {
    "call": ("Time", "the peak memory of a call"),
    "image": ("Images per second", "the peak memory of a call, divided by its images,"),
}


def print_batch_sizes(
    ranked: pd.DataFrame, backends: Iterable[BackendRecord], console: Console, *, per: Per = "call"
) -> None:
    """Print them from what summary.rank gives; nothing where no case has several batch sizes."""
    view = across_batch_sizes(ranked)
    if not view.rows:
        return
    sizes = ", ".join(map(str, view.batch_sizes))
    console.print(f"Over the batch sizes {sizes} (ties are not counted as changes):", highlight=False)
    for sentence in view.sentences():
        where = ", in every case" if set(sentence.cases) == set(view.cases) else f": {joined(sentence.cases)}"
        where = where if len(view.cases) > 1 else ""
        text = f"{join_names(sentence.passes)}: {sentence.words}{where}"
        lines = textwrap.wrap(text, max(console.width, LEAST_WIDTH), initial_indent="  ", subsequent_indent="  ")
        console.print(Text("\n".join(lines)), soft_wrap=True)
    console.print()
    if len(view.cases) == 1:
        _print_one_case(view, {record.name: record.short_name for record in backends}, console, per)
    else:
        _print_cases(view, console, per)


def _print_one_case(view: AcrossView, short_names: Mapping[str, str], console: Console, per: Per) -> None:
    what, memory = WHAT[per]
    console.print(f"{view.cases[0]}: {what.lower()} of each right backend, with {memory} below it.")
    for table in with_heads(view.backends, short_names, console, lambda heads: _by_backend(view.rows, heads, per)):
        print_whole(table, console)
        console.print()


def _by_backend(rows: Sequence[Across], heads: Mapping[str, str], per: Per) -> Table:
    table = _table({"pass": False, "batch": True}, heads.values())
    for row in rows:
        for size, cells in row.cells.items():
            own = {cell.backend: cell for cell in cells}
            speeds = [_speed(own[name], per, mark=True) if name in own else _nothing() for name in heads]
            memory = [_memory(own[name], per) if name in own else Text() for name in heads]
            table.add_row(row.pass_name, str(size), *speeds)
            if any(text.plain for text in memory):
                table.add_row("", "", *memory)
    return table


def _print_cases(view: AcrossView, console: Console, per: Per) -> None:
    what, memory = WHAT[per]
    console.print(f"{what} of the fastest right backend, with {memory} below it.")
    shown = view.cases[:MOST_CASES]
    rows = [row for label in shown for row in view.rows if row.label == label]
    sizes = [str(size) for size in view.batch_sizes]
    for table in side_by_side(sizes, lambda some: _by_case(rows, [int(size) for size in some], per), console):
        print_whole(table, console)
        console.print()
    if len(view.cases) > MOST_CASES:
        console.print(f"... and {len(view.cases) - MOST_CASES} more cases, all in the report", style="dim")
        console.print()


def _by_case(rows: Sequence[Across], sizes: Sequence[int], per: Per) -> Table:
    table = _table({"case": False, "pass": False}, [f"batch {sizes[0]}", *map(str, sizes[1:])])
    before = ""
    for row in rows:
        best = [row.cells[size][0] if size in row.cells else None for size in sizes]
        speeds = [_nothing() if cell is None else _speed(cell, per) for cell in best]
        table.add_row("" if row.label == before else row.label, row.pass_name, *speeds)
        memory = [Text() if cell is None else _memory(cell, per) for cell in best]
        if any(text.plain for text in memory):
            table.add_row("", "", *memory)
        before = row.label
    return table


def _table(columns: Mapping[str, bool], heads: Iterable[str]) -> Table:
    """A table of the first `columns`, each with whether it holds numbers, and one for each head."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name, is_number in columns.items():
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name != "case", overflow="fold")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _nothing() -> Text:
    return Text("-", style="dim")


def _speed(cell: Ranked, per: Per, *, mark: bool = False) -> Text:
    """Time or throughput; with `mark` it shows who is the fastest."""
    is_time = per == "call"
    text = format_seconds(cell.median_s) if is_time else format_rate(cell.batch_size / cell.median_s)
    return Text(text, style="bold green" if mark and cell.tied else "")


def _memory(cell: Ranked, per: Per) -> Text:
    """Empty where it was not measured."""
    size = cell.peak_memory_bytes / (1 if per == "call" else cell.batch_size)
    return Text("" if isnan(size) else format_bytes(size), style="dim")
