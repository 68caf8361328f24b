"""A run that never happened, for tests of reports: wrong, skipped, unavailable and unproven cells among right ones.

Times follow a formula, so that who must be fastest is known: fast < steady < slow. "broken" would be the fastest, but
its dw of the case "conv1" is wrong. "absent" could not run.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from convbench.report.inputs import (
    AGREEMENT_COLUMNS,
    MEASUREMENT_COLUMNS,
    BackendRecord,
    Picture,
    ReportInput,
    RunSettings,
)

SECONDS = {"fast": 1e-5, "steady": 2e-5, "slow": 1e-3, "broken": 5e-6}
BACKENDS = (*SECONDS, "absent")
CASES = {"conv1": "conv", "pool1": "pool"}
BATCH_SIZES = (1, 8)
PASSES = ("forward", "backward", "both")
TENSORS = {"conv": ("y", "dx", "dw", "db"), "pool": ("y", "dx")}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415478da6360f8ff1f00030101ff7a0a5aee0000000049454e44ae426082"
)
TEXTS = ("workload", "case", "operation", "dtype", "backend", "pass", "status", "reason", "memory_source", "algorithm")
UNAVAILABLE = "no CUDA device </script><b>here</b>"


def cell(case: str, batch_size: int, backend: str, pass_name: str, **changes: object) -> dict[str, object]:
    """One row of measurements; `changes` are columns."""
    row = dict.fromkeys(MEASUREMENT_COLUMNS, float("nan")) | dict.fromkeys(TEXTS, "")
    median = SECONDS.get(backend, float("nan")) * batch_size * (3 if pass_name == "both" else 1)
    row |= {
        "workload": "tiny", "case": case, "operation": CASES.get(case, "conv"), "dtype": "float32",
        "batch_size": batch_size, "backend": backend, "pass": pass_name, "status": "ok", "verdict": "agrees",
        "median_s": median, "p25_s": 0.98 * median, "p75_s": 1.03 * median, "min_s": 0.95 * median,
        "ci_low_s": 0.99 * median, "ci_high_s": 1.02 * median, "samples": 20, "loops": 10, "first_call_s": 0.1,
        "peak_memory_bytes": 1e6 * batch_size, "memory_source": "resident", "flops": 1e6, "gflops_per_s": 1e-3 / median,
    }  # fmt: skip
    return row | changes


def unmeasured(case: str, batch_size: int, backend: str, pass_name: str, status: str, reason: str) -> dict[str, object]:
    """A cell that has no time."""
    row = cell(case, batch_size, backend, pass_name, status=status, reason=reason, verdict="", samples=0)
    times = [name for name in MEASUREMENT_COLUMNS if name.endswith("_s")] + ["peak_memory_bytes", "loops"]
    return row | dict.fromkeys(times, float("nan"))


def measurements() -> pd.DataFrame:
    """Every cell of the run: 2 cases x 2 batch sizes x 3 passes x 5 backends."""
    rows = []
    for case in CASES:
        for batch_size in BATCH_SIZES:
            for pass_name in PASSES:
                rows.extend(_cell_of(case, batch_size, backend, pass_name) for backend in BACKENDS)
    return pd.DataFrame(rows)[list(MEASUREMENT_COLUMNS)]


def _cell_of(case: str, batch_size: int, backend: str, pass_name: str) -> dict[str, object]:
    key = (case, batch_size, backend, pass_name)
    if backend == "absent":
        return unmeasured(*key, "unavailable", UNAVAILABLE)
    if backend == "slow" and batch_size == 8:
        return unmeasured(*key, "skipped", f"predicted to take {8 * SECONDS['slow'] + len(pass_name):.1f} s")
    if backend == "broken" and case == "conv1" and pass_name != "forward":
        return cell(*key, status="wrong", verdict="disagrees", reason="dw is wrong at (0, 0, 0, 0)")
    return cell(*key)


def agreement() -> pd.DataFrame:
    """Every tensor of every pair of the backends that ran, and of each with the oracle."""
    names = tuple(SECONDS)
    pairs = [(left, right) for number, left in enumerate(names) for right in (*names[number + 1 :], "oracle")]
    rows = [
        comparison(case, batch_size, tensor, *pair)
        for case, operation in CASES.items()
        for batch_size in BATCH_SIZES
        for tensor in TENSORS[operation]
        for pair in pairs
    ]
    return pd.DataFrame(rows)[list(AGREEMENT_COLUMNS)]


def comparison(case: str, batch_size: int, tensor: str, left: str, right: str) -> dict[str, object]:
    """A row of agreement: all agree, but for dw of conv1 where "broken" takes part."""
    off = case == "conv1" and tensor == "dw" and "broken" in {left, right}
    where = f"{tensor} of {case}, batch {batch_size}"
    return {
        "workload": "tiny", "case": case, "batch_size": batch_size, "dtype": "float32", "data": "random",
        "tensor": tensor, "left": left, "right": right, "verdict": "disagrees" if off else "agrees",
        "bound_multiple": 4321.0 if off else 0.25, "count_off": 9 if off else 0, "count": 9,
        "first_index": "(0, 0, 0, 0)" if off else "", "worst_index": "(0, 0, 2, 2)" if off else "",
        "explanation": "", "left_value": 1.0, "right_value": 2.0 if off else 1.0,
        "description": f"{where}: {left} and {right} " + ("differ in <9> of 9 elements" if off else "agree"),
    }  # fmt: skip


def report_input(**changes: object) -> ReportInput:
    """The whole run; `changes` are fields of ReportInput."""
    records = [BackendRecord(name=name, summary=f"the {name} one", version="1.0", device="cpu") for name in SECONDS]
    fields = {
        "measurements": measurements(),
        "agreement": agreement(),
        "backends": [*records, BackendRecord(name="absent", status="unavailable", reason=UNAVAILABLE)],
        "settings": RunSettings(
            command="convbench compare tiny --batch-sizes 1,8 <&>",
            started="2026-11-20T13:24:05+00:00",
            duration_s=12.5,
            timed_s=5.0,
            threads=2,
            device="cpu",
            batch_sizes=BATCH_SIZES,
            seed=0,
            schema_version=1,
            convbench_version="0.1.0",
        ),
        "machine": {"CPU": "a processor", "memory": "16 GB"},
        "packages": {"numpy": "2.4.6"},
        "warnings": ["the load was 1.5 <at start>"],
        "pictures": [Picture(title="photo & filter", caption="vertical lines", png=PNG)],
    }
    return ReportInput(**(fields | changes))


def large_run(case_count: int) -> ReportInput:
    """The run with its cases repeated under other names: `case_count` of them."""
    cells, pairs = measurements(), agreement()
    names = [f"conv1_{number}" for number in range(case_count)]
    cells, pairs = cells[cells["case"] == "conv1"], pairs[pairs["case"] == "conv1"]
    noise = np.random.default_rng(0)
    cells = pd.concat([cells.assign(case=name) for name in names], ignore_index=True)
    for column in ("median_s", "p25_s", "p75_s", "ci_low_s", "ci_high_s", "gflops_per_s", "first_call_s"):
        cells[column] *= noise.uniform(0.9, 1.1, len(cells))
    return report_input(measurements=cells, agreement=pd.concat([pairs.assign(case=name) for name in names]))
