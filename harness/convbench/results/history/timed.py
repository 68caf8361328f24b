"""What a history keeps of a run: when and where it was made, and the times of its right cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from convbench.results.diff.comparable import SETTINGS, machine_of
from convbench.results.events.header import Header
from convbench.results.history.result import Moment
from convbench.results.run import Run
from convbench.results.summary import right_cells
from convbench_specs import Case

Cell = tuple[str, str, str, str, int, str, str]
"""Definition of the case, workload, case, dtype, batch size, pass and backend."""


@dataclass(frozen=True, slots=True)
class TimedRun:
    """A run without its samples."""

    machine: Mapping[str, str]
    settings: Mapping[str, str]
    moment: Moment
    cells: Mapping[Cell, tuple[float, float, float]]
    """Seconds of a call, and the ends of their interval."""
    display_order: Mapping[str, int | None]

    @property
    def place(self) -> tuple[object, ...]:
        """Machine and settings: only runs that share them stand in one history."""
        return tuple(sorted(self.machine.items())), tuple(sorted(self.settings.items()))


def timed_run(run: Run, name: str) -> TimedRun:
    """What is kept of a run, which is called `name`."""
    definitions = {
        (workload.name, case.name): definition(case) for workload in run.workloads for case in workload.cases
    }
    columns = ["workload", "case", "dtype", "batch_size", "pass", "backend", "median_s", "ci_low_s", "ci_high_s"]
    cells: dict[Cell, tuple[float, float, float]] = {}
    for row in right_cells(run.measurements)[columns].itertuples(index=False, name=None):
        workload, case, dtype, batch_size, pass_name, backend, median, low, high = row
        key = (definitions.get((workload, case), ""), workload, case, dtype, int(batch_size), pass_name, backend)
        cells[key] = (float(median), float(low), float(high))
    moment = Moment(
        folder=name,
        started=run.header["started"],
        versions={record.name: record.version for record in run.backends},
        is_interrupted=run.interrupted,
    )
    places = {record.name: record.display_order for record in run.backends}
    return TimedRun(machine_of(run.header), settings_of(run.header), moment, cells, places)


def settings_of(header: Header) -> dict[str, str]:
    """The settings of a run that times depend on."""
    return {name: str(header["settings"].get(name, usual)) for name, usual in SETTINGS.items()}


def definition(case: Case) -> str:
    """What a case computes, whatever it is called: the same text for the same computation."""
    return repr(replace(case, name=""))


def when(started: str) -> datetime:
    """The time of an ISO 8601 text; the beginning of all times for what is none."""
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
