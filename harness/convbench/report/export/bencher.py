"""Bencher's metric format (BMF): JSON that `bencher run --adapter json` reads, with the interval of every time.

Its measure `latency` is in nanoseconds. Source: https://bencher.dev/docs/reference/bencher-metric-format
"""

from __future__ import annotations

from convbench.report.export.cells import NANOSECONDS, TimedCell, timed_cells
from convbench.results.run import Run
from convbench.text.strict_json import to_json


def bencher(run: Run) -> str:
    """A benchmark for each right cell, with its median and the ends of the 95 % interval."""
    return to_json({cell.name: {"latency": _metric(cell)} for cell in timed_cells(run)}, indent=1) + "\n"


def _metric(cell: TimedCell) -> dict[str, float]:
    value = {"value": NANOSECONDS * cell.times.median_s}
    if cell.interval_s is None:
        return value
    low, high = cell.interval_s
    return value | {"lower_value": NANOSECONDS * low, "upper_value": NANOSECONDS * high}
