"""A run that was made: its frames, derived from the journal each time it is loaded. Nothing is executed, no pickle.

measurements, a row a cell: MEASUREMENT_COLUMNS of report/inputs.py and, behind them, whatever else the journal has.
agreement, a row a tensor and pair of backends: AGREEMENT_COLUMNS and `pass`. samples, a row a timed inner loop.
Units stand in the names of columns: _s seconds a call, _bytes, _flops; `left` and `right` name what was compared.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from convbench.errors import RunError
from convbench.measure.memory import BELOW_FLOOR
from convbench.report.inputs import (
    AGREEMENT_COLUMNS,
    CHECK_COLUMNS,
    FAILED,
    LARGEST_BATCH_COLUMNS,
    MEASUREMENT_COLUMNS,
    OPTIONAL_MEASUREMENT_COLUMNS,
    BackendRecord,
    Picture,
)
from convbench.results.journal import HEADER, PICTURES, CellKey, read_events, read_header
from convbench.results.networks import fastest_layers, roll_up
from convbench.results.roofline import Limits
from convbench.results.roofline_columns import add_roofline
from convbench.results.statistics.comparison import LEAST_MARGIN
from convbench.results.summary import PASSED_OVER, right_cells
from convbench.results.timings import CELL, SPEED_COLUMNS, against_fastest, between, summarise
from convbench.text.units import format_seconds
from convbench_specs import Cost, Layer, Workload, cost, output_bytes, parse_layer

FAULT_COLUMNS = ("tensor", "finding", "odd_one_out", "reproduce")
"""What is wrong with a cell, in more detail than its reason; empty where nothing is."""
CELL_TEXTS = tuple(name for name in CELL if name != "batch_size")
TEXT_COLUMNS = (
    "status", "reason", "memory_source", "algorithm", "verdict", "traceback", "operation", "fastest", "speed",
    *CHECK_COLUMNS, *FAULT_COLUMNS,
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
    largest_batches: pd.DataFrame = field(default_factory=lambda: largest_batch_frame([]), repr=False)
    limits: Limits | None = None
    """What the machine reaches at most; None in a run that did not time, or is from before they were measured."""
    phases_s: Mapping[str, float] = field(default_factory=dict)
    """What the seconds were spent on: preparing, calling (what is checked), verifying, timing, memory."""
    timed_s: Mapping[str, float] = field(default_factory=dict)
    """Those of them that the backends took under the workers' clock: prepare (their own preparation), run (first and
    second calls), warm_up and sample (with the calls that warm up and settle before). Empty in older runs."""

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The workloads as they were when the run was made."""
        return tuple(_workload(table) for table in self.header.get("workloads", ()))

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """A row a cell, in the order of the run."""
        return _measurements(self)

    @cached_property
    def networks(self) -> pd.DataFrame:
        """Whole networks: time and training memory a backend, and the mix of the fastest layers; see networks.py."""
        return roll_up(self.measurements, self._measured_workloads)

    @cached_property
    def network_layers(self) -> pd.DataFrame:
        """The fastest right backend of each layer of each network."""
        return fastest_layers(self.measurements, self._measured_workloads)

    @property
    def _measured_workloads(self) -> tuple[Workload, ...]:
        """None where a run only checked."""
        settings = self.header.get("settings", {})
        return self.workloads if settings.get("timing", True) or settings.get("memory", True) else ()

    @property
    def margin(self) -> float:
        """Ratios within 1 + margin are no difference: what an A/A run of this machine showed, but at least 1 %."""
        return max(LEAST_MARGIN, float(self.header.get("floor") or 0.0))

    def compare(self, left: str, right: str) -> pd.DataFrame:
        """Time of backend `left` over that of `right`, a row a case, dtype, batch size and pass.

        Columns: ratio, ratio_low, ratio_high (95 % t interval over the blocks), blocks, p_value, p_holm (adjusted over
        the rows), and `speed` of `left`: faster, slower, equivalent or inconclusive. Empty where one was never timed.
        """
        return between(self.samples, left, right, self.margin)

    @property
    def is_computed(self) -> bool:
        """Whether any cell was tried: not if all are unsupported, unavailable or skipped."""
        return not bool(self.measurements["status"].isin(PASSED_OVER).all())

    @property
    def is_right(self) -> bool:
        """Whether no cell is wrong or untrusted."""
        return not bool(self.measurements["status"].isin(["wrong", "untrusted"]).any())

    @property
    def has_failed(self) -> bool:
        """Whether a backend failed in a cell: an error, a crash, a call that was killed."""
        return bool(self.measurements["status"].isin(FAILED).any())


def load_run(path: str | Path) -> Run:
    """Load a run folder; RunError where it is none, is damaged, or is of a newer schema than this convbench reads."""
    folder = Path(path)
    header = read_header(folder)
    if lacking := [key for key in ("command", "started", "settings", "machine", "packages") if key not in header]:
        raise RunError(f"{folder / HEADER} is damaged: it has no {lacking[0]}")
    cells: dict[CellKey, dict[str, Any]] = {}
    samples, agreement, warnings, pictures, largest = [], [], [], [], []
    backends: dict[str, dict[str, Any]] = {}
    duration, interrupted, phases, timed = float("nan"), True, {}, {}
    limits: Limits | None = None
    for event in read_events(folder):
        kind = event.pop("event")
        if kind == "cell":
            cells.setdefault(_pop_key(event), {}).update(event)
        elif kind == "sample":
            samples.append(_interned(event))
        elif kind == "agreement":
            agreement.append(event)
        elif kind == "backend":
            backends.setdefault(event["name"], {}).update(event)
        elif kind == "largest_batch":
            largest.append(event)
        elif kind == "picture":
            pictures.append(_picture(folder, event))
        elif kind == "limits":
            limits = Limits.from_dict(event)
        elif kind == "warning":
            warnings.append(event["text"])
        elif kind == "finished":
            duration, interrupted = event["duration_s"], event["interrupted"]
            phases, timed = event.get("phases_s", {}), event.get("timed_s", {})
    return Run(
        folder=folder,
        header=header,
        cells=cells,
        samples=pd.DataFrame(samples, columns=None if samples else [*CELL, "round", "loops", "elapsed_s"]),
        agreement=_agreement(agreement),
        backends=tuple(_record(entry) for entry in backends.values()),
        pictures=tuple(pictures),
        warnings=tuple(warnings),
        duration_s=duration,
        interrupted=interrupted,
        largest_batches=largest_batch_frame(largest),
        limits=limits,
        phases_s=phases,
        timed_s=timed,
    )


def _interned(event: dict[str, Any]) -> dict[str, Any]:
    """The event with one object for each text of its key: pandas hashes them far quicker, and they take no memory."""
    for name in CELL_TEXTS:
        event[name] = sys.intern(event[name])
    return event


def _pop_key(event: dict[str, Any]) -> CellKey:
    return CellKey(*(event.pop(name) for name in CELL))


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
    network = table.get("network", False)  # runs from before there was this key have no networks
    return Workload(name=table["name"], layers=layers, title=table["title"], source=table["source"], network=network)


def _measurements(run: Run) -> pd.DataFrame:
    cases = {(workload.name, case.name): case for workload in run.workloads for case in workload.cases}
    timings = summarise(run.samples)
    seconds = timings["median_s"].to_dict() if len(timings) else {}
    rows = []
    for key, columns in run.cells.items():
        row: dict[str, Any] = {**key.as_columns(), "status": "not reached", **columns}
        case = cases.get((key.workload, key.case))
        if case is not None:
            row["operation"] = type(case.operation).__name__.lower()
            typed = case.with_dtype(key.dtype)  # type: ignore[arg-type]  # the journal holds only valid names
            row |= _rates(cost(typed, key.batch_size, key.pass_name), seconds.get(tuple(row[name] for name in CELL)))
            row["least_memory_bytes"] = output_bytes(typed, key.batch_size, key.pass_name)
        rows.append(row)
    frame = _complete(pd.DataFrame(rows).join(timings, on=CELL) if rows else pd.DataFrame(columns=CELL))
    speeds = against_fastest(run.samples, right_cells(frame), run.margin)
    frame = frame.drop(columns=list(SPEED_COLUMNS)).join(speeds, on=CELL)
    frame[["fastest", "speed"]] = frame[["fastest", "speed"]].astype(object).fillna("").astype(str)
    frame["memory_factor"] = _memory_factor(frame)
    frame = add_roofline(frame, run.limits)
    rest = [column for column in frame if column not in MEASUREMENT_COLUMNS]
    return frame[[*MEASUREMENT_COLUMNS, *rest]]


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """With every column that a report may ask for; a missing number is NaN, a missing text empty."""
    missing = [
        column
        for column in (*MEASUREMENT_COLUMNS, *OPTIONAL_MEASUREMENT_COLUMNS, *CHECK_COLUMNS, *FAULT_COLUMNS)
        if column not in frame
    ]
    frame = frame.assign(**{column: "" if column in TEXT_COLUMNS else np.nan for column in missing})
    texts = [column for column in TEXT_COLUMNS if column in frame]
    frame[texts] = frame[texts].fillna("").astype(str)
    frame["samples"] = frame["samples"].fillna(0).astype(int)
    return frame


def _memory_factor(frame: pd.DataFrame) -> pd.Series[float]:
    """Peak over the least that the call could need; not where that is a view, or too little to be measured well."""
    coarse = frame["memory_source"].str.contains(BELOW_FLOOR) | (frame["least_memory_bytes"] == 0)
    return (frame["peak_memory_bytes"] / frame["least_memory_bytes"]).mask(coarse)


def largest_batch_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """LARGEST_BATCH_COLUMNS, a row a search."""
    return pd.DataFrame(list(rows), columns=list(LARGEST_BATCH_COLUMNS))


def _rates(work: Cost, seconds: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {"flops": work.flops, "valid_flops": work.valid_flops, "compulsory_bytes": work.bytes}
    if seconds:
        row["gflops_per_s"] = work.flops / seconds / 1e9
        row["gbytes_per_s"] = work.bytes / seconds / 1e9
    return row
