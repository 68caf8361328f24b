"""What a report is made from: the frames and facts of one run, as values.

The schema of the two frames is stated here once, for every report. Units stand in the names of columns; a missing
number is NaN, a missing text is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

MEASUREMENT_COLUMNS = (
    "workload", "case", "operation", "dtype", "batch_size", "backend", "pass", "status", "reason",
    "median_s", "p25_s", "p75_s", "min_s", "ci_low_s", "ci_high_s", "samples", "loops",
    "first_call_s", "second_call_s", "convert_s", "predicted_s",
    "peak_memory_bytes", "memory_source", "flops", "valid_flops", "compulsory_bytes", "gflops_per_s", "gbytes_per_s",
    "algorithm", "effective_threads", "verdict",
)  # fmt: skip
"""A row a cell. `status` is one of STATUSES, `verdict` "agrees", "disagrees", "untrusted" or ""."""
AGREEMENT_COLUMNS = (
    "workload", "case", "batch_size", "dtype", "data", "tensor", "left", "right", "verdict", "bound_multiple",
    "count_off", "count", "first_index", "worst_index", "left_value", "right_value", "description",
)  # fmt: skip
"""A row a tensor and pair of backends; "oracle" is always on the right. A pair stands once, in one order."""
OPTIONAL_MEASUREMENT_COLUMNS = ("peak_memory_min_bytes", "peak_memory_max_bytes")
"""The spread of the peak memory over its repetitions, shown where the run has it."""
STATUSES = (
    "ok", "wrong", "error", "crashed", "timed out", "out of memory", "skipped", "unsupported", "unavailable",
)  # fmt: skip
"""Every status; behind ok, the most alarming first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRecord:
    """One installed backend and whether it could run. `status` is available, unavailable or failed."""

    name: str
    summary: str = ""
    status: str = "available"
    version: str = ""
    device: str = ""
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What was asked for, and when."""

    command: str
    started: str
    """ISO 8601."""
    duration_s: float
    threads: int
    device: str
    batch_sizes: Sequence[int]
    seed: int
    schema_version: int
    convbench_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A feature map, or a row of them, as a PNG file's bytes."""

    title: str
    caption: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """All of a run that reports show. `machine` and `packages` go from name to text.

    Raises ValueError where a frame lacks a column.
    """

    measurements: pd.DataFrame
    agreement: pd.DataFrame
    backends: Sequence[BackendRecord]
    settings: RunSettings
    machine: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    pictures: Sequence[Picture] = ()

    def __post_init__(self) -> None:
        for name, columns in (("measurements", MEASUREMENT_COLUMNS), ("agreement", AGREEMENT_COLUMNS)):
            missing = [column for column in columns if column not in getattr(self, name).columns]
            if missing:
                raise ValueError(f"{name} lacks the columns {', '.join(missing)}")
