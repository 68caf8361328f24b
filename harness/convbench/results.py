"""A run that was made: its frames, derived from the journal each time it is loaded. Nothing is executed, no pickle.

measurements, a row a cell: MEASUREMENT_COLUMNS of report/inputs.py and, behind them, whatever else the journal has.
agreement, a row a tensor and pair of backends: AGREEMENT_COLUMNS and `pass`. samples, a row a timed inner loop.
Units stand in the names of columns: _s seconds a call, _bytes, _flops; `left` and `right` name what was compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from convbench.errors import RunError
from convbench.journal import PICTURES, CellKey, read_events, read_header
from convbench.report.inputs import (
    AGREEMENT_COLUMNS,
    MEASUREMENT_COLUMNS,
    OPTIONAL_MEASUREMENT_COLUMNS,
    BackendRecord,
    Picture,
)
from convbench.report.units import format_seconds
from convbench.statistics import estimate
from convbench_specs import Cost, Layer, PassName, Workload, cost, parse_layer

KEY_COLUMNS = ["workload", "case", "dtype", "batch_size", "backend", "pass"]
FAULT_COLUMNS = ("tensor", "finding", "odd_one_out", "reproduce")
"""What is wrong with a cell, in more detail than its reason; empty where nothing is."""
TEXT_COLUMNS = (
    "status", "reason", "memory_source", "algorithm", "verdict", "traceback", "operation", *FAULT_COLUMNS,
)  # fmt: skip


@dataclass
class Run:
    """One run, loaded from its folder."""

    folder: Path
    header: Mapping[str, Any]
    cells: Mapping[CellKey, Mapping[str, Any]] = field(repr=False)
    samples: pd.DataFrame = field(repr=False)
    agreement: pd.DataFrame = field(repr=False)
    backends: tuple[BackendRecord, ...]
    pictures: tuple[Picture, ...]
    warnings: tuple[str, ...]
    duration_s: float
    interrupted: bool

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The workloads as they were when the run was made."""
        return tuple(_workload(table) for table in self.header.get("workloads", ()))

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """A row a cell, in the order of the run."""
        return _measurements(self)

    @property
    def is_right(self) -> bool:
        """Whether no cell is wrong or untrusted."""
        return not bool(self.measurements["status"].isin(["wrong", "untrusted"]).any())


def load_run(path: str | Path) -> Run:
    """Load a run folder; RunError where it is none, is damaged, or is of a newer schema than this convbench reads."""
    folder = Path(path)
    header = read_header(folder)
    cells: dict[CellKey, dict[str, Any]] = {}
    samples, agreement, warnings, pictures = [], [], [], []
    backends: dict[str, dict[str, Any]] = {}
    duration, interrupted = float("nan"), True
    for event in read_events(folder):
        kind = event.pop("event")
        if kind == "cell":
            cells.setdefault(_pop_key(event), {}).update(event)
        elif kind == "sample":
            samples.append(event)
        elif kind == "agreement":
            agreement.append(event)
        elif kind == "backend":
            backends.setdefault(event["name"], {}).update(event)
        elif kind == "picture":
            pictures.append(_picture(folder, event))
        elif kind == "warning":
            warnings.append(event["text"])
        elif kind == "finished":
            duration, interrupted = event["duration_s"], event["interrupted"]
    return Run(
        folder=folder,
        header=header,
        cells=cells,
        samples=pd.DataFrame(samples, columns=None if samples else [*KEY_COLUMNS, "round", "loops", "elapsed_s"]),
        agreement=_agreement(agreement),
        backends=tuple(_record(entry) for entry in backends.values()),
        pictures=tuple(pictures),
        warnings=tuple(warnings),
        duration_s=duration,
        interrupted=interrupted,
    )


def _pop_key(event: dict[str, Any]) -> CellKey:
    return CellKey(*(event.pop(name) for name in KEY_COLUMNS))


def _record(entry: Mapping[str, Any]) -> BackendRecord:
    known = ("name", "summary", "status", "version", "device", "reason")
    facts = dict(entry.get("facts", {}))
    if "start_s" in entry:
        facts["start and import"] = format_seconds(entry["start_s"])
        facts["timing loop"] = f"{format_seconds(entry['harness_overhead_s'])} a call"
    return BackendRecord(**{key: entry[key] for key in known if key in entry}, facts=facts)


def _picture(folder: Path, entry: Mapping[str, Any]) -> Picture:
    """A picture of the run; RunError where its file is gone."""
    path = folder / PICTURES / Path(entry["file"]).name
    try:
        return Picture(title=entry["title"], caption=entry["caption"], png=path.read_bytes())
    except OSError as error:
        raise RunError(f"{folder} is incomplete: cannot read {path}: {error.strerror or error}") from error


def _agreement(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for column in (*AGREEMENT_COLUMNS, "pass"):
        if column not in frame:
            frame[column] = pd.Series(dtype=object)
    return frame[[*AGREEMENT_COLUMNS, "pass"]]


def _workload(table: Mapping[str, Any]) -> Workload:
    layers = tuple(
        Layer(case=parse_layer(layer["case"], origin="run.json").case, count=layer["count"])
        for layer in table["layers"]
    )
    return Workload(name=table["name"], layers=layers, title=table["title"], source=table["source"])


def _measurements(run: Run) -> pd.DataFrame:
    cases = {(workload.name, case.name): case for workload in run.workloads for case in workload.cases}
    timings = _timings(run.samples)
    rows = []
    for key, columns in run.cells.items():
        row: dict[str, Any] = {**key.as_columns(), **columns, **timings.get(key, {})}
        case = cases.get((key.workload, key.case))
        if case is not None:
            row["operation"] = type(case.operation).__name__.lower()
            pass_name: PassName = key.pass_name  # type: ignore[assignment]  # the journal holds only valid names
            row |= _rates(cost(case.with_dtype(key.dtype), key.batch_size, pass_name), row.get("median_s"))  # type: ignore[arg-type]  # as above
        rows.append(row)
    frame = pd.DataFrame(rows)
    for column in (*MEASUREMENT_COLUMNS, *OPTIONAL_MEASUREMENT_COLUMNS, *FAULT_COLUMNS):
        if column not in frame:
            frame[column] = "" if column in TEXT_COLUMNS else np.nan
    for column in TEXT_COLUMNS:
        if column in frame:
            frame[column] = frame[column].fillna("").astype(str)
    frame["samples"] = frame["samples"].fillna(0).astype(int)
    rest = [column for column in frame if column not in MEASUREMENT_COLUMNS]
    return frame[[*MEASUREMENT_COLUMNS, *rest]]


def _timings(samples: pd.DataFrame) -> dict[CellKey, dict[str, Any]]:
    """Seconds a call and how they spread, by cell."""
    if samples.empty:
        return {}
    timings = {}
    for names, group in samples.groupby(KEY_COLUMNS, sort=False):
        assert isinstance(names, tuple)
        loops = group["loops"]
        seconds = estimate((group["elapsed_s"] / loops).tolist())
        key = CellKey(*names)  # type: ignore[arg-type]  # the columns of KEY_COLUMNS, in order
        timings[key] = {
            "median_s": seconds.median,
            "p25_s": seconds.p25,
            "p75_s": seconds.p75,
            "min_s": seconds.minimum,
            "ci_low_s": seconds.ci_low,
            "ci_high_s": seconds.ci_high,
            "samples": seconds.count,
            "loops": int(loops.iloc[0]),
            "effective_threads": float(group["cpu_s"].sum() / group["elapsed_s"].sum()),
            "minor_faults": float(group["minor_faults"].sum() / loops.sum()),
        }
    return timings


def _rates(work: Cost, seconds: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {"flops": work.flops, "valid_flops": work.valid_flops, "compulsory_bytes": work.bytes}
    if seconds:
        row["gflops_per_s"] = work.flops / seconds / 1e9
        row["gbytes_per_s"] = work.bytes / seconds / 1e9
    return row
