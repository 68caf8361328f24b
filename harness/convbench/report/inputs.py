"""What a report is made from: the frames and facts of one run, as values.

Every column is declared in results/columns; here stands which of them a report needs, and which it shows where a run
has them. A missing number is NaN, a missing text is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from convbench.report.views.cases import CaseKey
from convbench.report.views.runs import RunsView
from convbench.results.columns import LARGEST_BATCHES, names_of_one_run
from convbench.results.events.state import BackendRecord
from convbench.results.roofline import Limits
from convbench.results.run import Picture
from convbench_specs import Case

MEASUREMENT_COLUMNS = (
    "workload", "case", "operation", "dtype", "batch_size", "backend", "pass", "status", "reason",
    "median_s", "p25_s", "p75_s", "min_s", "ci_low_s", "ci_high_s", "samples", "loops",
    "first_call_s", "second_call_s", "convert_s", "predicted_s",
    "peak_memory_bytes", "memory_source", "flops", "valid_flops", "compulsory_bytes", "gflops_per_s", "gbytes_per_s",
    "algorithm", "effective_threads", "verdict", "blocks", "fastest", "ratio", "ratio_low", "ratio_high", "p_value",
    "p_holm", "speed",
)  # fmt: skip
"""one row per cell. `status` is one of plan.status.CELL_STATUSES, `verdict` one of verify.Verdict or ""."""
AGREEMENT_COLUMNS = (
    "workload", "case", "batch_size", "dtype", "data", "tensor", "left", "right", "verdict", "bound_multiple",
    "count_off", "count", "first_index", "worst_index", "left_value", "right_value", "description",
    "explanation",
)  # fmt: skip
"""one row per tensor and pair of backends; "oracle" is always on the right. A pair stands once, in one order."""
OPTIONAL_MEASUREMENT_COLUMNS = (
    "peak_memory_min_bytes", "peak_memory_max_bytes", "kept_memory_bytes", "least_memory_bytes", "memory_factor",
)  # fmt: skip
"""More on memory, shown where the run has it: the spread of the peak over its repetitions, what stays between forward
and backward, and the least that the pass could need with the peak as a multiple of it."""
ROOFLINE_COLUMNS = (
    "valid_gflops_per_s", "intensity_flops_per_byte", "attainable_gflops_per_s", "roofline_share", "bound_by",
    "roofline_label",
)  # fmt: skip
"""How near a cell comes to the machine's limit, see results/roofline.py; shown where the run has it."""
CHECK_COLUMNS = ("exact", "random", "identities", "other_data", "non_finite", "sampled")
"""The verdict of each check by itself, and what was checked where that is not all; shown where the run has it."""
RUN_COLUMNS = ("run", "machine", "run_place")
"""Which of several runs a cell is of; not there where there is one run."""
LARGEST_BATCH_COLUMNS = names_of_one_run(LARGEST_BATCHES)
"""A row a search for the largest batch size; see schema.LargestBatchFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What was asked for, and when."""

    command: str
    started: str
    """ISO 8601."""
    duration_s: float
    timed_s: float
    """Seconds of it that the backends took under a clock; 0 where the run does not tell."""
    threads: int
    device: str
    batch_sizes: Sequence[int]
    seed: int
    schema_version: int
    convbench_version: str
    allocator: str = "default"
    cache: str = "hot"


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
    limits: Sequence[tuple[str, Limits]] = ()
    """What the machine of each run reaches, with the run's name where there are several."""
    networks: pd.DataFrame = field(default_factory=pd.DataFrame)
    network_layers: pd.DataFrame = field(default_factory=pd.DataFrame)
    largest_batches: pd.DataFrame = field(default_factory=pd.DataFrame)
    cases: Mapping[CaseKey, Case] = field(default_factory=dict)
    """What each case is, for what is drawn from its shape."""

    runs: RunsView | None = None
    """The table of runs where there are several; every backend is then named by run."""
    machines: Sequence[tuple[str, Mapping[str, str], Mapping[str, str]]] = ()
    """Label, machine and packages of each of several runs."""

    def __post_init__(self) -> None:
        for name, columns in (("measurements", MEASUREMENT_COLUMNS), ("agreement", AGREEMENT_COLUMNS)):
            missing = [column for column in columns if column not in getattr(self, name).columns]
            if missing:
                raise ValueError(f"{name} lacks the columns {', '.join(missing)}")
