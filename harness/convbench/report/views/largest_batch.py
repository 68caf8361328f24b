"""The largest batch sizes as a table: a row for each case and pass or whole network, a column for each backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import pandas as pd

from convbench.report.views.rows import read_rows
from convbench.text.units import format_bytes, format_integer

ROW = ["workload", "case", "dtype", "pass"]
OF_A_NETWORK = {"forward": "inference", "both": "training"}
"""What is done with a whole network, by pass."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: a row of Run.largest_batches."""

    backend: str
    status: str
    reason: str = ""
    largest_batch_size: float = float("nan")
    too_large: float = float("nan")
    peak_bytes: float = float("nan")
    bytes_an_instance: float = float("nan")


@dataclass(frozen=True, slots=True)
class BatchCell:
    """The text of a cell, and what is shown when a reader points at it."""

    text: str
    title: str


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A case and pass, or a network and what is done with it, with a cell for each backend that searched."""

    label: str
    pass_name: str
    cells: Mapping[str, BatchCell]


@dataclass(frozen=True, slots=True)
class LargestBatchView:
    """The table; `limit` is the memory in bytes that a process may use."""

    columns: Sequence[str] = ()
    rows: Sequence[BatchRow] = ()
    limit: int = 0


def largest_batch_view(found: pd.DataFrame) -> LargestBatchView:
    """The table of all searches; empty if there were none."""
    if found.empty:
        return LargestBatchView()
    rows = []
    workloads, dtypes = (len(set(found[name])) > 1 for name in ("workload", "dtype"))
    for (workload, case, dtype, pass_name), group in found.groupby(ROW, sort=False):
        what = [str(workload)] * workloads + [str(case)] if case else [f"{workload} as a whole"]
        named = what + [str(dtype)] * dtypes
        done = str(pass_name) if case else OF_A_NETWORK.get(str(pass_name), str(pass_name))
        cells = {each.backend: BatchCell(cell_text(each), cell_title(each)) for each in read_rows(group, Found)}
        rows.append(BatchRow(" / ".join(named), done, cells))
    columns = [str(name) for name in pd.unique(found["backend"])]
    return LargestBatchView(columns, rows, int(found["limit_bytes"].max()))


def cell_text(found: Found) -> str:
    """The batch size, or why there is none.

    >>> cell_text(Found(backend="naive", status="at least", largest_batch_size=4096.0))
    '≥ 4,096'
    >>> cell_text(Found(backend="naive", status="out of memory"))
    'not even 1'
    """
    if found.status == "out of memory":
        return "not even 1"
    if found.status not in ("ok", "at least"):
        return str(found.status)
    return ("≥ " if found.status == "at least" else "") + format_integer(found.largest_batch_size)


def cell_title(found: Found) -> str:
    """The peak of memory at that batch size, what each instance adds to it, and why the search ended."""
    parts = [] if _unknown(found.peak_bytes) else [f"{format_bytes(found.peak_bytes)} at the peak"]
    if not _unknown(found.bytes_an_instance):
        parts.append(f"{format_bytes(found.bytes_an_instance)} an instance")
    if not _unknown(found.too_large):
        parts.append(f"{format_integer(found.too_large)} is too large")
    return "; ".join([*parts, found.reason] if found.reason else parts)


def _unknown(number: float | None) -> bool:
    return number is None or isnan(number)
