"""The measurements: a row a cell, from what its events say, its samples, and what the case costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from convbench.measure.memory import BELOW_FLOOR, RESIDENT
from convbench.plan.items import CellKey
from convbench.plan.status import Status
from convbench.results.columns import MEASUREMENTS
from convbench.results.events.schema import Columns, Value
from convbench.results.roofline import Limits
from convbench.results.roofline_columns import add_roofline
from convbench.results.summary import right_cells
from convbench.results.timings import CELL, SPEED_COLUMNS, against_fastest, summarise
from convbench_specs import Case, Workload, cost, output_bytes

COST_COLUMNS = ("operation", "flops", "valid_flops", "compulsory_bytes", "least_memory_bytes")


def measurements_frame(
    cells: Mapping[CellKey, Columns],
    samples: pd.DataFrame,
    *,
    workloads: Sequence[Workload],
    limits: Limits | None,
    margin: float,
) -> pd.DataFrame:
    """A row a cell, in the order of the run; every column is declared in the package columns."""
    cases = {(workload.name, case.name): case for workload in workloads for case in workload.cases}
    frame = _events(cells)
    if len(frame):
        costs = _costs(cells, cases)
        frame = frame.join(pd.DataFrame(costs, index=frame.index).dropna(axis="columns", how="all"))
        frame = frame.join(summarise(samples), on=CELL)
    frame = _with_rates(_complete(frame))
    speeds = against_fastest(samples, right_cells(frame), margin)
    frame = frame.drop(columns=list(SPEED_COLUMNS)).join(speeds, on=CELL)
    frame[["fastest", "speed"]] = frame[["fastest", "speed"]].astype(object).fillna("").astype(str)
    frame["memory_factor"] = _memory_factor(frame)
    frame = add_roofline(frame, limits).assign(pass_name=frame["pass"])
    declared = [column.name for column in MEASUREMENTS if column.name in frame]
    return frame[[*declared, *(name for name in frame if name not in set(declared))]]


def _events(cells: Mapping[CellKey, Columns]) -> pd.DataFrame:
    """The keys of the cells, and the columns that any of them has."""
    keys = {name: [key[place] for key in cells] for place, name in enumerate(CELL)}
    found = dict.fromkeys(name for columns in cells.values() for name in columns)
    values: dict[str, list[Value]] = {name: [columns.get(name) for columns in cells.values()] for name in found}
    values["status"] = [status or Status.NOT_REACHED.value for status in values.get("status", [None] * len(cells))]
    return pd.DataFrame(keys | values, dtype=None if cells else object)


def _costs(cells: Iterable[CellKey], cases: Mapping[tuple[str, str], Case]) -> dict[str, list[str | int | None]]:
    """What the case of each cell costs, a list a column; a pass costs all backends the same."""
    known: dict[CellKey, tuple[str | int | None, ...]] = {}
    rows = []
    for cell in cells:
        key = cell._replace(backend="")
        if key not in known:
            known[key] = _cost(key, cases.get((key.workload, key.case)))
        rows.append(known[key])
    return {name: [row[place] for row in rows] for place, name in enumerate(COST_COLUMNS)}


def _cost(key: CellKey, case: Case | None) -> tuple[str | int | None, ...]:
    """COST_COLUMNS; nothing where the run does not hold the case, as after a change of its folder by hand."""
    if case is None:
        return (None,) * len(COST_COLUMNS)
    typed = case.with_dtype(key.dtype)
    work = cost(typed, key.batch_size, key.pass_name)
    least_memory_bytes = output_bytes(typed, key.batch_size, key.pass_name)
    return (case.operation_name, work.flops, work.valid_flops, work.bytes, least_memory_bytes)


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """With every column that is always there; a missing number is NaN, a missing text empty."""
    due = [column for column in MEASUREMENTS if not column.optional and column.name not in frame]
    frame = frame.assign(**{column.name: "" if column.dtype == "text" else np.nan for column in due})
    texts = [column.name for column in MEASUREMENTS if column.dtype == "text" and column.name in frame]
    frame[texts] = frame[texts].astype(object).fillna("").astype(str)
    flags = [column.name for column in MEASUREMENTS if column.dtype == "flag" and column.name in frame]
    frame[flags] = frame[flags].astype("boolean")  # which has a value for what is missing
    frame["samples"] = frame["samples"].fillna(0).astype(int)
    return frame


def _with_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Work and bytes a second of the cells that have a time."""
    seconds = pd.to_numeric(frame["median_s"])
    return frame.assign(
        gflops_per_s=pd.to_numeric(frame["flops"]) / seconds / 1e9,
        gbytes_per_s=pd.to_numeric(frame["compulsory_bytes"]) / seconds / 1e9,
    )


def _memory_factor(frame: pd.DataFrame) -> pd.Series[float]:
    """Peak over the least that the call could need; not where that is a view, or too little to be measured well.

    Nor where a backend's own counter shows less than the least, as older runs kept it.
    """
    source, factor = frame["memory_source"], frame["peak_memory_bytes"] / frame["least_memory_bytes"]
    coarse = source.str.contains(BELOW_FLOOR) | (frame["least_memory_bytes"] == 0)
    impossible = ~source.str.startswith(RESIDENT) & (factor < 1)
    return factor.mask(coarse | impossible)
