"""The batch sizes of a run on the terminal: who is the fastest from where on, with time and peak memory.

Of one case there is a table of batch sizes and backends. Of several there are sentences, each of which holds for some
cases, and for the first pass a table of the fastest backend's numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isnan

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.report.tables import print_whole, side_by_side, with_heads
from convbench.report.views.across_batch_sizes import Across, AcrossView, Ranked, across_batch_sizes, joined
from convbench.report.views.headline import join_names
from convbench.results.events.state import BackendRecord
from convbench.text.units import format_bytes, format_seconds

LEAST_WIDTH = 20
"""Sentences are not wrapped to fewer letters."""
MOST_CASES = 12
"""Rows of the table of several cases; the report has all."""


def print_batch_sizes(ranked: pd.DataFrame, backends: Iterable[BackendRecord], console: Console) -> None:
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
        _print_one_case(view, {record.name: record.short_name for record in backends}, console)
    else:
        _print_cases(view, console)


def _print_one_case(view: AcrossView, short_names: Mapping[str, str], console: Console) -> None:
    console.print(f"{view.cases[0]}: time of each right backend, with the peak memory of a call below it.")
    for table in with_heads(view.backends, short_names, console, lambda heads: _by_backend(view.rows, heads)):
        print_whole(table, console)
        console.print()


def _by_backend(rows: Sequence[Across], heads: Mapping[str, str]) -> Table:
    table = _table("pass", "batch", heads.values())
    for row in rows:
        for size, cells in row.cells.items():
            own = {cell.backend: cell for cell in cells}
            times = [_time(own[name]) if name in own else Text("-", style="dim") for name in heads]
            memory = [_memory(own[name]) if name in own else Text() for name in heads]
            table.add_row(row.pass_name, str(size), *times)
            if any(text.plain for text in memory):
                table.add_row("", "", *memory)
    return table


def _print_cases(view: AcrossView, console: Console) -> None:
    pass_name = view.passes[0]
    rows = [row for row in view.rows if row.pass_name == pass_name]
    console.print(f"Time of the fastest right backend, {pass_name}, with the peak memory of its call below it.")
    sizes = [str(size) for size in view.batch_sizes]
    for table in side_by_side(sizes, lambda some: _by_case(rows[:MOST_CASES], [int(size) for size in some]), console):
        print_whole(table, console)
        console.print()
    if len(rows) > MOST_CASES:
        console.print(f"... and {len(rows) - MOST_CASES} more cases, all in the report", style="dim")
        console.print()


def _by_case(rows: Sequence[Across], sizes: Sequence[int]) -> Table:
    table = _table("case", None, [f"batch {sizes[0]}", *map(str, sizes[1:])])
    for row in rows:
        best = [row.cells[size][0] if size in row.cells else None for size in sizes]
        times = [Text("-", style="dim") if cell is None else Text(format_seconds(cell.median_s)) for cell in best]
        table.add_row(row.label, *times)
        memory = [Text() if cell is None else _memory(cell) for cell in best]
        if any(text.plain for text in memory):
            table.add_row("", *memory)
    return table


def _table(first: str, second: str | None, heads: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(first, overflow="fold")
    if second is not None:
        table.add_column(second, justify="right", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _time(cell: Ranked) -> Text:
    return Text(format_seconds(cell.median_s), style="bold green" if cell.tied else "")


def _memory(cell: Ranked) -> Text:
    """Empty where it was not measured."""
    return Text("" if isnan(cell.peak_memory_bytes) else format_bytes(cell.peak_memory_bytes), style="dim")
