"""A run that never happened in which every approach of the course takes part, as fake_run's is made.

Loops take 1,000 times as long as the framework. "absent" could not run, and "plain" declares no approach.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from fake_run import cell, comparison, report_input

from convbench.report.inputs import AGREEMENT_COLUMNS, MEASUREMENT_COLUMNS, BackendRecord, ReportInput
from convbench.report.views.cases import CaseKey
from convbench_specs import Case, Conv

APPROACHES = {
    "lib": "framework",
    "loopy": "loops",
    "whole": "im2col",
    "parts": "blocked im2col",
    "jitted": "compiled kernels",
    "plain": "",
}
"""By backend; not in the order of the chain."""
SECONDS = {"lib": 2e-5, "loopy": 2e-2, "whole": 1e-4, "parts": 6e-5, "jitted": 3e-5, "plain": 1e-5}
PEAKS = {"whole": 9e6, "parts": 2e6, "loopy": 1e6, "jitted": 1e6, "lib": 3e6, "plain": 1e6}
CASES = {
    "conv1": Case(
        name="conv1",
        operation=Conv(in_channels=1, out_channels=8, kernel_size=(3, 3), padding="same"),
        input_shape=(1, 12, 12),
    ),
    "conv2": Case(
        name="conv2",
        operation=Conv(in_channels=8, out_channels=16, kernel_size=(3, 3), stride=(2, 2)),
        input_shape=(8, 12, 12),
    ),
}
BATCH_SIZES = (1, 8)


def course_measurements(left_out: tuple[tuple[str, str, int], ...] = ()) -> pd.DataFrame:
    """A forward cell for each case, batch size and backend, but for those (case, backend, batch size) left out."""
    rows = [
        cell(
            case, size, backend, "forward",
            median_s=SECONDS[backend] * size, ci_low_s=0.99 * SECONDS[backend] * size,
            ci_high_s=1.01 * SECONDS[backend] * size, peak_memory_bytes=PEAKS[backend] * size,
        )
        for case in CASES
        for size in BATCH_SIZES
        for backend in APPROACHES
        if (case, backend, size) not in left_out
    ]  # fmt: skip
    return pd.DataFrame(rows)[list(MEASUREMENT_COLUMNS)]


def course_agreement() -> pd.DataFrame:
    """Every backend agrees with the oracle."""
    rows = [comparison(case, size, "y", name, "oracle") for case in CASES for size in BATCH_SIZES for name in SECONDS]
    return pd.DataFrame(rows)[list(AGREEMENT_COLUMNS)]


def course_records(approaches: Mapping[str, str] = APPROACHES) -> list[BackendRecord]:
    """The backends, each with what its worker told at its start."""
    return [
        BackendRecord(name=name, version="1", facts={"threads": "2"} | ({"approach": found} if found else {}))
        for name, found in approaches.items()
    ]


def course_cases() -> dict[CaseKey, Case]:
    """What the cases of the run are."""
    return {CaseKey("tiny", name, case.dtype): case for name, case in CASES.items()}


def course_input(**changes: object) -> ReportInput:
    """The whole run; `changes` are fields of ReportInput."""
    fields = {
        "measurements": course_measurements(),
        "agreement": course_agreement(),
        "backends": course_records(),
        "cases": course_cases(),
    }
    return report_input(**(fields | changes))
