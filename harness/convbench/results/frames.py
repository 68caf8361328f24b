"""Events as pandas frames: a row an event, a column a field."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import pandas as pd

from convbench.results.columns import AGREEMENT, LARGEST_BATCHES, SAMPLES, Column, names_of_one_run
from convbench.results.events.schema import AgreementFound, LargestBatchFound, Recorded, SampleTaken

FIELDS = {"pass": "pass_name"}
"""Columns whose name Python does not allow for a field."""
NEEDED = ("workload", "case", "dtype", "batch_size", "backend", "pass", "block", "round", "loops", "elapsed_s")
"""Columns of samples that even a run without samples has."""
NUMBERS = ("number", "integer")
TEXTS = ("workload", "case", "dtype", "backend", "pass")


def sample_frame(samples: Sequence[SampleTaken]) -> pd.DataFrame:
    """A row a timed inner loop; columns that no sample has a value for, as in older runs, are left out."""
    if not samples:
        return pd.DataFrame(columns=list(NEEDED))
    columns = {name: _values(samples, name) for name in names_of_one_run(SAMPLES)}
    return pd.DataFrame({name: _series(name, values) for name, values in columns.items() if _is_told(name, values)})


def _is_told(name: str, values: list[object]) -> bool:
    return name in NEEDED or any(value is not None for value in values)


def _series(name: str, values: list[object]) -> pd.Series[Any]:
    """A column; each text is one object, however often it occurs, which pandas groups far quicker."""
    if name in TEXTS:
        return pd.Series([sys.intern(str(value)) for value in values], dtype=object)
    return pd.Series(values)


def agreement_frame(rows: Sequence[AgreementFound]) -> pd.DataFrame:
    """A row a comparison of two results."""
    return _frame(rows, AGREEMENT)


def largest_batch_frame(rows: Sequence[LargestBatchFound]) -> pd.DataFrame:
    """One row per search for the largest batch size."""
    frame = _frame(rows, LARGEST_BATCHES)
    return frame.assign(status=frame["status"].astype(str)) if len(frame) else frame


def _frame(rows: Sequence[Recorded], columns: Sequence[Column]) -> pd.DataFrame:
    """A row an event; numbers are numbers and texts texts even where no event has one, or there is no event."""
    declared = names_of_one_run(columns)
    values = {name: _values(rows, name) for name in declared}
    frame = pd.DataFrame(values, columns=list(declared), dtype=None if rows else object)
    numbers = [column.name for column in columns if column.dtype in NUMBERS and column.name in frame]
    return frame.astype({name: float for name in numbers if frame[name].dtype == object})


def _values(rows: Sequence[Recorded], column: str) -> list[object]:
    get = attrgetter(FIELDS.get(column, column))
    return [get(row) for row in rows]
