"""The JSON of pyperf, which `pyperf stats`, `compare_to` and `check` read.

A run of pyperf is a process of its own, as a block of ours is, and so it holds one value: the block's median. pyperf
takes the median of all values where ours is their geometric mean. So that both are the same number, the values of a
cell are multiplied by one factor, `convbench_factor` in its metadata: it is near 1 and changes no ratio of two blocks.
A value divided by it is the block's median. A cell with one block has its samples, whose median is ours.
Source of the layout: https://pyperf.readthedocs.io, the module pyperf._bench, version 1.0 of the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from convbench.report.export.cells import TimedCell, timed_cells
from convbench.results.run import Run
from convbench.text.strict_json import to_json

FORMAT_VERSION = "1.0"
Metadata = Mapping[str, str | int | float]


def pyperf(run: Run) -> str:
    """A benchmark for each right cell, with a run for each block."""
    suite = {
        "benchmarks": [_benchmark(cell) for cell in timed_cells(run)],
        "metadata": _metadata(run),
        "version": FORMAT_VERSION,
    }
    return to_json(suite) + "\n"


def _benchmark(cell: TimedCell) -> dict[str, object]:
    times = cell.times
    metadata: dict[str, str | int | float] = {"name": cell.name, "loops": times.loops, "blocks": times.blocks}
    if cell.interval_s is not None:
        metadata["ci_low_s"], metadata["ci_high_s"] = cell.interval_s
    if len(cell.seconds) == 1:
        return {"metadata": metadata, "runs": [{"values": cell.seconds[0]}]}
    medians = [median(block) for block in cell.seconds]
    factor = times.median_s / median(medians)
    runs = [{"values": [factor * value]} for value in medians]
    return {"metadata": metadata | {"convbench_factor": factor}, "runs": runs}


def _metadata(run: Run) -> Metadata:
    """What all benchmarks share; pyperf allows no empty text and no line break in it."""
    header = run.header
    texts = {
        "unit": "second",
        "date": header["started"],
        "command": header["command"],
        "cpu_model_name": header["machine"].get("processor"),
        "convbench_version": header["packages"].get("convbench"),
    }
    cleaned = {name: " ".join(str(value).split()) for name, value in texts.items() if value}
    return {name: value for name, value in cleaned.items() if value}
