"""The JSON of pytest-benchmark, which `pytest-benchmark compare` reads.

`median`, `q1`, `q3` and `min` are those of the run: the median is the geometric mean of the blocks' medians. What a run
does not have, such as `mean` and `stddev`, is computed from the samples as pytest-benchmark computes it. The 95 %
interval is in `extra_info`. A group is what is computed, and a name in it is a backend.
Source of the layout: pytest_benchmark.stats and pytest_benchmark.session, version 5.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right

from convbench.report.export.cells import TimedCell, timed_cells
from convbench.results.run import Run
from convbench.text.strict_json import to_json

LAYOUT_VERSION = "5.1.0"
"""The first version of pytest-benchmark whose files look like this."""
MILD = 1.5
"""Samples further from the quartiles than this many interquartile ranges are outliers (Tukey)."""


def pytest_benchmark(run: Run) -> str:
    """A benchmark for each right cell, with all its samples as `data`."""
    header = run.header
    document = {
        "machine_info": dict(header["machine"]) | {"cpu": {"brand_raw": header["machine"].get("processor", "")}},
        "commit_info": {},
        "benchmarks": [_benchmark(cell) for cell in timed_cells(run)],
        "datetime": header["started"],
        "version": LAYOUT_VERSION,
        "convbench": {"command": header["command"], "packages": dict(header["packages"])},
    }
    return to_json(document) + "\n"


def _benchmark(cell: TimedCell) -> dict[str, object]:
    times = cell.times
    low, high = cell.interval_s or (None, None)
    return {
        "group": cell.item,
        "name": times.backend,
        "fullname": cell.name,
        "params": {
            "workload": times.workload,
            "case": times.case,
            "batch_size": times.batch_size,
            "dtype": times.dtype,
            "pass": times.pass_name,
            "backend": times.backend,
        },
        "param": times.backend,
        "extra_info": {"operation": times.operation, "blocks": times.blocks, "ci_low_s": low, "ci_high_s": high},
        "options": {},
        "stats": _stats(cell),
    }


def _stats(cell: TimedCell) -> dict[str, object]:
    """The statistics of a cell, in seconds of one call."""
    times, ordered = cell.times, sorted(cell.all_seconds)
    mean = statistics.fmean(ordered)
    deviation = statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    spread = times.p75_s - times.p25_s
    first = bisect_left(ordered, times.p25_s - MILD * spread)
    last = bisect_right(ordered, times.p75_s + MILD * spread)
    beyond = sum(abs(value - mean) > deviation for value in ordered)
    outliers = first + len(ordered) - last
    return {
        "min": times.min_s,
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(ordered),
        "median": times.median_s,
        "iqr": spread,
        "q1": times.p25_s,
        "q3": times.p75_s,
        "iqr_outliers": outliers,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{outliers}",
        "ld15iqr": ordered[min(first, len(ordered) - 1)],
        "hd15iqr": ordered[max(last, 1) - 1],
        "ops": 1 / mean,
        "total": sum(ordered),
        "data": cell.all_seconds,
        "iterations": times.loops,
    }
