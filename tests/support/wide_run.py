"""A run of many cases and many backends that never happened, for tests of how a page copes with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from fake_run import PASSES, cell, comparison, report_input

from convbench.report.inputs import AGREEMENT_COLUMNS, MEASUREMENT_COLUMNS, BackendRecord, ReportInput

BATCH_SIZES = (1, 4, 16, 64)


def wide_input(case_count: int = 60, backend_count: int = 10) -> ReportInput:
    """All backends are right everywhere; times are random, and the same in each call."""
    noise = np.random.default_rng(0)
    names = [f"backend-{number}" for number in range(backend_count)]
    cases = [f"layer{number}.block.conv" for number in range(case_count)]
    rows = [
        cell(case, size, name, pass_name, median_s=float("nan"), flops=1e6)
        for case in cases
        for size in BATCH_SIZES
        for pass_name in PASSES
        for name in names
    ]
    cells = pd.DataFrame(rows)[list(MEASUREMENT_COLUMNS)]
    median = 1e-5 * cells["batch_size"] * noise.lognormal(sigma=1.5, size=len(cells))
    for column, factor in {"median_s": 1, "ci_low_s": 0.98, "ci_high_s": 1.02, "p25_s": 0.99, "p75_s": 1.01}.items():
        cells[column] = median * factor
    cells["peak_memory_bytes"] = 1e6 * cells["batch_size"] * noise.lognormal(sigma=0.5, size=len(cells))
    pairs = [(left, right) for number, left in enumerate(names) for right in (*names[number + 1 :], "oracle")]
    agreement = pd.DataFrame(
        [comparison(case, size, tensor, *pair) for case in cases for size in BATCH_SIZES for tensor in ("y", "dx")
         for pair in pairs]
    )[list(AGREEMENT_COLUMNS)]  # fmt: skip
    records = [BackendRecord(name=name, version="1.0", device="cpu") for name in names]
    return report_input(measurements=cells, agreement=agreement, backends=records)
