"""From a folder of runs to series and their steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log, log1p
from pathlib import Path

from convbench.errors import RunError, UsageError
from convbench.results.diff.thresholds import FAIL_ABOVE
from convbench.results.history.result import CellSeries, History, MachineHistory, Point, SeriesStep
from convbench.results.history.steps import find_steps
from convbench.results.history.timed import Cell, TimedRun, timed_run, when
from convbench.results.loading import load_run
from convbench.results.runs import run_folders


def history(folder: str | Path, *, least_step: float = FAIL_ABOVE) -> History:
    """All runs at any depth below a folder, by machine and settings; steps of at least `least_step` (a share) are told.

    Runs that only checked and folders that cannot be read are left out and named. UsageError where no run is left.
    """
    top = Path(folder)
    timed, skipped = [], []
    for each in run_folders(top):
        try:
            run = load_run(each)
        except RunError as error:
            skipped.append(str(error))
            continue
        if run.samples.empty:
            skipped.append(f"{run.folder} has no times")
        else:
            timed.append(timed_run(run, str(each.relative_to(top))))
    if not timed:
        reason = f": {skipped[0]}" if skipped else ""
        raise UsageError(f"there is no run with times below {top}{reason}")
    return History(folder=top, machines=machine_histories(timed, least_step), skipped=tuple(skipped))


def machine_histories(runs: Iterable[TimedRun], least_step: float = FAIL_ABOVE) -> tuple[MachineHistory, ...]:
    """The history of each machine with each of its settings, that of the most runs first."""
    groups: dict[tuple[object, ...], list[TimedRun]] = {}
    for each in sorted(runs, key=lambda one: when(one.moment.started)):
        groups.setdefault(each.place, []).append(each)
    return tuple(_machine(group, least_step) for group in sorted(groups.values(), key=len, reverse=True))


def _machine(runs: Sequence[TimedRun], least_step: float) -> MachineHistory:
    cells = dict.fromkeys(cell for run in runs for cell in run.cells)
    return MachineHistory(
        machine=runs[0].machine,
        settings=runs[0].settings,
        runs=tuple(run.moment for run in runs),
        series=tuple(_series(cell, runs, least_step) for cell in cells),
        display_order={name: place for run in runs for name, place in run.display_order.items()},
    )


def _series(cell: Cell, runs: Sequence[TimedRun], least_step: float) -> CellSeries:
    definition, workload, case, dtype, batch_size, pass_name, backend = cell
    points = tuple(
        Point(run=number, median_s=median, low_s=low, high_s=high, version=run.moment.versions.get(backend, ""))
        for number, run in enumerate(runs)
        if cell in run.cells
        for median, low, high in [run.cells[cell]]
    )
    found = find_steps([log(point.median_s) for point in points], log1p(least_step))
    steps = tuple(
        SeriesStep(
            run=points[step.place].run,
            before_s=exp(step.before),
            after_s=exp(step.after),
            version_before=points[step.place - 1].version,
            version=points[step.place].version,
        )
        for step in found
    )
    return CellSeries(
        workload=workload, case=case, definition=definition, dtype=dtype, batch_size=batch_size, pass_name=pass_name,
        backend=backend, points=points, steps=steps,
    )  # fmt: skip
