"""The largest batch sizes as a table: a row a case and pass, a column a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from convbench.text.units import format_bytes, format_integer

ROW = ["workload", "case", "dtype", "pass"]


def largest_batch_view(found: pd.DataFrame) -> dict[str, Any]:
    """`columns`, the backends; `rows` with a `label`, the `pass` and `cells` by backend; the `limit` in bytes."""
    if found.empty:
        return {"columns": [], "rows": [], "limit": 0}
    rows = []
    workloads, dtypes = (len(set(found[name])) > 1 for name in ("workload", "dtype"))
    for (workload, case, dtype, pass_name), group in found.groupby(ROW, sort=False):
        named = [str(workload)] * workloads + [str(case)] + [str(dtype)] * dtypes
        cells = {
            cell["backend"]: {"text": cell_text(cell), "title": cell_title(cell)} for cell in group.to_dict("records")
        }
        rows.append({"label": " / ".join(named), "pass": str(pass_name), "cells": cells})
    columns = [str(name) for name in pd.unique(found["backend"])]
    return {"columns": columns, "rows": rows, "limit": int(found["limit_bytes"].max())}


def cell_text(cell: Mapping[Any, Any]) -> str:
    """The number, or why there is none.

    >>> cell_text({"status": "at least", "largest_batch_size": 4096.0}), cell_text({"status": "out of memory"})
    ('≥ 4,096', 'not even 1')
    """
    if cell["status"] == "out of memory":
        return "not even 1"
    if cell["status"] not in ("ok", "at least"):
        return str(cell["status"])
    return ("≥ " if cell["status"] == "at least" else "") + format_integer(cell["largest_batch_size"])


def cell_title(cell: Mapping[Any, Any]) -> str:
    """The peak at that batch size, what an instance adds, and why the search ended."""
    parts = [] if pd.isna(cell["peak_bytes"]) else [f"{format_bytes(cell['peak_bytes'])} at the peak"]
    if not pd.isna(cell["bytes_an_instance"]):
        parts.append(f"{format_bytes(cell['bytes_an_instance'])} an instance")
    if not pd.isna(cell["too_large"]):
        parts.append(f"{format_integer(cell['too_large'])} is too large")
    return "; ".join([*parts, cell["reason"]] if cell["reason"] else parts)
