"""JSON for the benchmark action of GitHub, whose tool is then `customSmallerIsBetter`.

Not its tool `pytest`: that one shows calls a second, computed from the mean. The unit is the same for every cell and in
every run, because the action compares numbers without looking at units.
Source: https://github.com/benchmark-action/github-action-benchmark
"""

from __future__ import annotations

from convbench.report.export.cells import NANOSECONDS, TimedCell, timed_cells
from convbench.results.run import Run
from convbench.text.strict_json import to_json
from convbench.text.units import format_seconds_range

DECIMALS = 3
"""Of the nanoseconds: people read these numbers, and no clock is finer."""


def github_action(run: Run) -> str:
    """An entry for each right cell; its range is the 95 % interval, which stands in `extra` with all digits."""
    return to_json([_entry(cell) for cell in timed_cells(run)], indent=1) + "\n"


def _entry(cell: TimedCell) -> dict[str, str | float]:
    entry: dict[str, str | float] = {
        "name": cell.name,
        "unit": "ns",
        "value": round(NANOSECONDS * cell.times.median_s, DECIMALS),
    }
    lines = [f"median_s: {cell.times.median_s!r}"]
    if cell.interval_s is not None:
        low, high = cell.interval_s
        entry["range"] = format_seconds_range(low, high)
        lines += [f"ci_low_s: {low!r}", f"ci_high_s: {high!r}"]
    lines += [f"blocks: {cell.times.blocks}", f"samples: {cell.times.samples}"]
    return entry | {"extra": "\n".join(lines)}
