"""Tables on a terminal of any width: text wraps, numbers and names of columns that must not be cut are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

LONGEST_HEAD = 6
"""Letters of a head in a table that is too wide for whole names."""
WIDEST = 10_000
"""The width of a terminal on which every table fits."""
LEAST_FOLDED = 8
"""Letters of a word in a column that wraps, beside columns that do not."""


def print_whole(table: Table, console: Console) -> None:
    """Print a table in which no column that does not wrap is cut.

    Where even its least width is more than the terminal's, the terminal wraps the lines.
    """
    keep_whole(table)
    folding = [max(0, _longest_word(column) - LEAST_FOLDED) for column in table.columns if not column.no_wrap]
    least = console.measure(table, options=console.options.update(width=WIDEST)).minimum - sum(folding)
    if least > console.width:
        table.width = least
    console.print(table, highlight=False, crop=False)


def keep_whole(table: Table) -> None:
    """Give each column that does not wrap the width of its longest entry, which rich would else take from it.

    The others break a word that is longer than their width, and keep some width themselves.
    """
    for column in table.columns:
        widest = max((cell_len(_plain(entry)) for entry in _entries(column)), default=0)
        column.min_width = widest if column.no_wrap else min(widest, LEAST_FOLDED)
        column.overflow = "fold"


def side_by_side(names: Sequence[str], make: Callable[[Sequence[str]], Table], console: Console) -> Iterator[Table]:
    """A table with a column for each name, or where that is too wide several, each with as many of them as fit."""
    begin = 0
    while begin < len(names):
        end = begin + 1
        while end < len(names) and fits(make(names[begin : end + 1]), console):
            end += 1
        yield make(names[begin:end])
        begin = end


def with_heads(
    names: Sequence[str], short_names: Mapping[str, str], console: Console, make: Callable[[Mapping[str, str]], Table]
) -> Iterator[Table]:
    """A table with a column for each backend under its whole name if all fit, else under short names; or several."""
    whole = make({name: name for name in names})
    if fits(whole, console):
        yield whole
        return
    heads = short_heads(names, short_names, LONGEST_HEAD)
    yield from side_by_side(names, lambda some: make({name: heads[name] for name in some}), console)


def fits(table: Table, console: Console) -> bool:
    """Whether nothing in a table must wrap on this terminal."""
    keep_whole(table)
    return console.measure(table, options=console.options.update(width=WIDEST)).maximum <= console.width


def short_heads(names: Sequence[str], short_names: Mapping[str, str], longest: int) -> dict[str, str]:
    """A head for each name: its short name, else the beginning of it; the whole name if two heads are alike.

    >>> short_heads(["tensorflow", "my_backend", "wide-ours", "wide-theirs"], {"tensorflow": "tf"}, 6)
    {'tensorflow': 'tf', 'my_backend': 'my_bac', 'wide-ours': 'wide-o', 'wide-theirs': 'wide-t'}
    >>> short_heads(["winograd-2", "winograd-4"], {}, 6)
    {'winograd-2': 'winograd-2', 'winograd-4': 'winograd-4'}
    """
    short = {name: short_names.get(name) or name[:longest].rstrip("-") for name in names}
    heads = list(short.values())
    return {name: head if heads.count(head) == 1 else name for name, head in short.items()}


def _entries(column: Column) -> Iterator[object]:
    yield column.header
    yield from column.cells


def _plain(entry: object) -> str:
    return entry.plain if isinstance(entry, Text) else str(entry)


def _longest_word(column: Column) -> int:
    return max((cell_len(word) for entry in _entries(column) for word in _plain(entry).split()), default=0)
