"""The JSON of pytest-benchmark, which `pytest-benchmark compare` reads.

`median` is that of the run, the geometric mean of the blocks' medians. All other statistics describe the samples, as
they do in pytest-benchmark's own files. The 95 % interval of the median is in `extra_info`. A group is what is
computed, and a name in it is a backend.
Source of the layout: pytest_benchmark.stats and pytest_benchmark.session, version 5.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

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
    lower, upper = _quartiles(ordered)
    spread = upper - lower
    first = bisect_left(ordered, lower - MILD * spread)
    last = bisect_right(ordered, upper + MILD * spread)
    beyond = sum(abs(value - mean) > deviation for value in ordered)
    outliers = first + len(ordered) - last
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(ordered),
        "median": times.median_s,
        "iqr": spread,
        "q1": lower,
        "q3": upper,
        "iqr_outliers": outliers,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{outliers}",
        "ld15iqr": ordered[first],
        "hd15iqr": ordered[last - 1],
        "ops": 1 / mean,
        "total": sum(ordered),
        "data": cell.all_seconds,
        "iterations": times.loops,
    }


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    """The medians of the lower and of the upper half, each the mean of that with and that without the middle sample.

    That is what pytest-benchmark computes: https://en.wikipedia.org/wiki/Quartile#Computing_methods, methods 2 and 3.
    """
    half, rest = len(ordered) // 2, (len(ordered) + 1) // 2
    if not half:
        return ordered[0], ordered[0]
    lower, upper = (ordered[:half], ordered[:rest]), (ordered[rest:], ordered[half:])
    return statistics.fmean(map(statistics.median, lower)), statistics.fmean(map(statistics.median, upper))
