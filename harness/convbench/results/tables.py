"""The CSV files of a run, read back with the types that the frames of load_run have.

pandas alone reads an empty text as NaN, and a column of flags with a gap as objects. The types are those of the
declared columns. `contended` is a count in one table and a flag in another, so it matters which table a file holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from convbench.errors import UsageError
from convbench.results.columns import AGREEMENT, LARGEST_BATCHES, MEASUREMENTS, NETWORKS, Column, Dtype

TABLES = (MEASUREMENTS, AGREEMENT, NETWORKS, LARGEST_BATCHES)
"""A file holds one of them: the one that declares the most of its columns."""
KINDS: Mapping[Dtype, Any] = {"text": str, "list": str, "flag": "boolean"}  # what pandas takes for a type
"""Numbers are left to pandas, which reads whole ones without a gap as integers, as the frames have them."""
FORMULA = ("=", "+", "-", "@")
"""A text that begins so has an apostrophe before it in a file, as a spreadsheet would take it for a formula."""
ESCAPED = f"^'(?=[{''.join(FORMULA)}])"
NEVER_MISSING = ("text", "list")
KEYS = frozenset({"backend", "left"})
"""Every table of a run has one of these columns."""
EXACT: Literal["round_trip"] | None = "round_trip" if int(pd.__version__.partition(".")[0]) < 3 else None
"""Newer pandas reads every number as it was written by itself, and warns of this option."""


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV file of a run, such as measurements.csv, with the types of the frames of load_run().

    Empty texts stay texts, flags are booleans, and measurements have the column `pass_name` again, which the file does
    not repeat. Raises UsageError if the file cannot be read or is not from a run.
    """
    try:
        present = set(pd.read_csv(path, nrows=0).columns)
        columns = [column for column in max(TABLES, key=partial(_shared, present)) if column.name in present]
        found: pd.DataFrame = pd.read_csv(
            path,
            dtype={column.name: KINDS[column.dtype] for column in columns if column.dtype in KINDS},
            keep_default_na=False,
            na_values={column.name: [""] for column in columns if column.dtype not in NEVER_MISSING},
            float_precision=EXACT,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if KEYS.isdisjoint(present):
        raise UsageError(f"{path} is no table of a run: it has none of the columns {', '.join(sorted(KEYS))}")
    for column in columns:
        if column.dtype == "list":
            found[column.name] = [json.loads(value) for value in found[column.name]]
        elif column.dtype == "text":
            found[column.name] = found[column.name].str.replace(ESCAPED, "", regex=True)
    return found.assign(pass_name=found["pass"]) if "median_s" in found else found


def _shared(present: AbstractSet[str], table: Sequence[Column]) -> int:
    return sum(column.name in present for column in table)
