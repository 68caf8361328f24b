"""From a folder of runs to series and their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import exp, log, log1p
from pathlib import Path

from convbench.errors import RunError, UsageError
from convbench.results.diff.comparable import SETTINGS, machine_of
from convbench.results.diff.thresholds import FAIL_ABOVE
from convbench.results.events.header import HEADER
from convbench.results.history.result import CellSeries, History, MachineHistory, Moment, Point, SeriesStep
from convbench.results.history.steps import find_steps
from convbench.results.loading import load_run
from convbench.results.run import Run
from convbench.results.summary import right_cells

Cell = tuple[str, str, str, str, int, str, str]
"""Definition of the case, workload, case, dtype, batch size, pass and backend."""


@dataclass(frozen=True, slots=True)
class _Timed:
    """What a history keeps of a run."""

    machine: Mapping[str, str]
    settings: Mapping[str, str]
    moment: Moment
    cells: Mapping[Cell, tuple[float, float, float]]
    """Seconds of a call, and the ends of their interval."""
    display_order: Mapping[str, int | None]


def history(folder: str | Path, *, least_step: float = FAIL_ABOVE) -> History:
    """All runs at any depth below a folder, by machine and settings; steps of at least `least_step` (a share) are told.

    Runs that only checked and folders that cannot be read are left out and named. UsageError where no run is left.
    """
    top = Path(folder)
    if not top.is_dir():
        raise UsageError(f"{top} is no folder: name one that has folders of runs in it")
    timed, skipped = [], []
    for header in sorted(top.rglob(HEADER)):
        try:
            run = load_run(header.parent)
        except RunError as error:
            skipped.append(str(error))
            continue
        if run.samples.empty:
            skipped.append(f"{run.folder} has no times")
        else:
            timed.append(_timed(run, header.parent.relative_to(top)))
    if not timed:
        reason = f": {skipped[0]}" if skipped else ""
        raise UsageError(f"there is no run with times below {top}{reason}")
    groups: dict[tuple[object, ...], list[_Timed]] = {}
    for each in sorted(timed, key=lambda one: _when(one.moment.started)):
        key = (tuple(sorted(each.machine.items())), tuple(sorted(each.settings.items())))
        groups.setdefault(key, []).append(each)
    machines = tuple(_machine(runs, least_step) for runs in sorted(groups.values(), key=len, reverse=True))
    return History(folder=top, machines=machines, skipped=tuple(skipped))


def _timed(run: Run, name: Path) -> _Timed:
    definitions = {
        (workload.name, case.name): repr(replace(case, name=""))
        for workload in run.workloads
        for case in workload.cases
    }
    columns = ["workload", "case", "dtype", "batch_size", "pass", "backend", "median_s", "ci_low_s", "ci_high_s"]
    cells: dict[Cell, tuple[float, float, float]] = {}
    for row in right_cells(run.measurements)[columns].itertuples(index=False, name=None):
        workload, case, dtype, batch_size, pass_name, backend, median, low, high = row
        key = (definitions.get((workload, case), ""), workload, case, dtype, int(batch_size), pass_name, backend)
        cells[key] = (float(median), float(low), float(high))
    usual = {name: str(run.header["settings"].get(name, value)) for name, value in SETTINGS.items()}
    moment = Moment(
        folder=str(name),
        started=run.header["started"],
        versions={record.name: record.version for record in run.backends},
        is_interrupted=run.interrupted,
    )
    places = {record.name: record.display_order for record in run.backends}
    return _Timed(machine_of(run.header), usual, moment, cells, places)


def _when(started: str) -> datetime:
    """The time of an ISO 8601 text; the beginning of all times for what is none."""
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _machine(runs: Sequence[_Timed], least_step: float) -> MachineHistory:
    cells = dict.fromkeys(cell for run in runs for cell in run.cells)
    return MachineHistory(
        machine=runs[0].machine,
        settings=runs[0].settings,
        runs=tuple(run.moment for run in runs),
        series=tuple(_series(cell, runs, least_step) for cell in cells),
        display_order={name: place for run in runs for name, place in run.display_order.items()},
    )


def _series(cell: Cell, runs: Sequence[_Timed], least_step: float) -> CellSeries:
    _, workload, case, dtype, batch_size, pass_name, backend = cell
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
        workload=workload, case=case, dtype=dtype, batch_size=batch_size, pass_name=pass_name, backend=backend,
        points=points, steps=steps,
    )  # fmt: skip
