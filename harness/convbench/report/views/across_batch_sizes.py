"""What changes over the batch sizes of a case: the fastest backend with its time and memory, and where it changes.

A tie is no change: a backend stays the fastest for as long as no other is surely faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convbench.report.views.cases import CASE, CaseKey, case_labels, in_usual_order
from convbench.report.views.headline import join_names
from convbench.report.views.rows import read_rows


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of summary.rank."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    pass_name: str
    backend: str
    median_s: float
    peak_memory_bytes: float
    place: int
    tied: bool


@dataclass(frozen=True, slots=True)
class Across:
    """A case and pass: its ranked cells by batch size, the fastest first, and who is the fastest where, in words."""

    label: str
    pass_name: str
    cells: Mapping[int, Sequence[Ranked]]
    words: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Who is the fastest where, and the passes and cases of which that is true."""

    passes: Sequence[str]
    words: str
    cases: Sequence[str]


@dataclass(frozen=True, slots=True)
class AcrossView:
    """Every case and pass with more than one batch size, passes in their usual order."""

    rows: Sequence[Across]
    batch_sizes: Sequence[int]
    passes: Sequence[str]
    backends: Sequence[str]

    @property
    def cases(self) -> Sequence[str]:
        """The labels of the cases."""
        return list(dict.fromkeys(row.label for row in self.rows))

    def sentences(self) -> list[Sentence]:
        """What holds for several cases and passes is said once."""
        cases: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            cases.setdefault((row.pass_name, row.words), []).append(row.label)
        passes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (pass_name, words), labels in cases.items():
            passes.setdefault((words, tuple(labels)), []).append(pass_name)
        return [Sentence(names, words, labels) for (words, labels), names in passes.items()]


def across_batch_sizes(ranked: pd.DataFrame) -> AcrossView:
    """The view of the frame that summary.rank gives."""
    labels = case_labels(ranked)
    rows = []
    for pass_name in in_usual_order(ranked["pass"].unique()):
        for key, group in ranked[ranked["pass"] == pass_name].groupby(CASE, sort=False):
            cells: dict[int, list[Ranked]] = {}
            for cell in sorted(read_rows(group, Ranked), key=lambda cell: (cell.batch_size, cell.place)):
                cells.setdefault(cell.batch_size, []).append(cell)
            if len(cells) > 1:
                tied = {size: [cell.backend for cell in own if cell.tied] for size, own in cells.items()}
                rows.append(Across(labels[CaseKey(*map(str, key))], pass_name, cells, in_words(tied)))
    return AcrossView(
        rows=rows,
        batch_sizes=sorted({size for row in rows for size in row.cells}),
        passes=in_usual_order({row.pass_name for row in rows}),
        backends=list(dict.fromkeys(str(name) for name in ranked["backend"])),
    )


def in_words(tied: Mapping[int, Sequence[str]]) -> str:
    """Who is the fastest where; `tied` names the fastest backend of each batch size first, then what ties with it.

    >>> in_words({1: ["numba-cpu"], 4: ["numba-cpu"], 16: ["pytorch"], 64: ["pytorch"]})
    'numba-cpu is fastest up to 4, pytorch from 16 on'
    >>> in_words({1: ["jax", "pytorch"], 16: ["pytorch"]})
    'pytorch is fastest at every batch size'
    >>> in_words({1: ["jax"], 4: ["numba-cpu"], 16: ["jax"]})
    'jax is fastest at 1, numba-cpu at 4, jax from 16 on'
    """
    sizes = sorted(tied)
    parts: list[str] = []
    begin = 0
    while begin < len(sizes):
        backend, length = max(((name, _stretch(name, sizes[begin:], tied)) for name in tied[sizes[begin]]), key=_length)
        end = begin + length
        parts.append(f"{backend}{'' if parts else ' is fastest'} {_where(sizes, begin, end)}")
        begin = end
    return ", ".join(parts)


def joined(labels: Sequence[str], most: int = 8) -> str:
    """The names of cases in a sentence, of many only the first.

    >>> joined(["conv1", "conv2", "conv3"], most=2)
    'conv1, conv2 and 1 more'
    """
    shown = list(labels[:most])
    return join_names(shown) if len(labels) <= most else f"{', '.join(shown)} and {len(labels) - most} more"


def _length(stretch: tuple[str, int]) -> int:
    return stretch[1]


def _stretch(name: str, sizes: Sequence[int], tied: Mapping[int, Sequence[str]]) -> int:
    """At how many of the batch sizes in a row the backend is the fastest or tied with it."""
    return next((number for number, size in enumerate(sizes) if name not in tied[size]), len(sizes))


def _where(sizes: Sequence[int], begin: int, end: int) -> str:
    if end - begin == len(sizes):
        return "at every batch size"
    if end == len(sizes):
        return f"from {sizes[begin]} on"
    if end - begin == 1:
        return f"at {sizes[begin]}"
    return f"up to {sizes[end - 1]}" if begin == 0 else f"from {sizes[begin]} to {sizes[end - 1]}"
