"""How the page names cases, and in which order it shows passes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from convbench.results.summary import pass_place

CASE = ["workload", "case", "dtype"]


class CaseKey(NamedTuple):
    """What tells cases apart within a run: the values of the columns CASE."""

    workload: str
    case: str
    dtype: str


class TableKey(NamedTuple):
    """What the rows of one table have in common."""

    pass_name: str
    batch_size: int


def case_labels(measurements: pd.DataFrame) -> dict[CaseKey, str]:
    """The name of each case, with its workload and its dtype only if the run has several of them."""
    cases = measurements[CASE].drop_duplicates()
    workload, dtype = (len(cases[key].unique()) > 1 for key in ("workload", "dtype"))
    keys = [CaseKey(*values) for values in cases.itertuples(index=False, name=None)]
    return {
        key: (f"{key.workload} / " if workload else "") + key.case + (f", {key.dtype}" if dtype else "") for key in keys
    }


def table_keys(frame: pd.DataFrame) -> list[TableKey]:
    """Each pass and batch size in a frame, passes in their usual order and batch sizes ascending."""
    keys = frame[["pass", "batch_size"]].drop_duplicates().itertuples(index=False, name=None)
    return sorted((TableKey(*key) for key in keys), key=lambda key: (pass_place(key.pass_name), key.batch_size))


def of_table(frame: pd.DataFrame, key: TableKey) -> pd.DataFrame:
    """The rows of a frame that belong to a pass and batch size."""
    return frame[(frame["pass"] == key.pass_name) & (frame["batch_size"] == key.batch_size)]


def in_usual_order(passes: Iterable[object]) -> list[str]:
    """The names of passes as reports order them."""
    return sorted((str(name) for name in passes), key=pass_place)
