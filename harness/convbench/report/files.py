"""The files of a run: measurements.csv, agreement.csv and report.html, written again from the journal at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from convbench.errors import UsageError
from convbench.report.cautions import cautions
from convbench.report.html import render_report
from convbench.report.inputs import ReportInput, RunSettings
from convbench.report.views.cases import CaseKey
from convbench.report.views.runs import (
    agreement_by_run,
    measurements_by_run,
    records_by_run,
    runs_view,
    with_run_in_workload,
)
from convbench.results.events.schema import Resumed
from convbench.results.run import Run
from convbench.results.runs import Runs
from convbench.results.tables import FORMULA
from convbench.text.units import format_integer

MEASUREMENTS = "measurements.csv"
AGREEMENT = "agreement.csv"
NETWORKS = "networks.csv"
LARGEST_BATCHES = "largest_batches.csv"
REPORT = "report.html"
CUT = (
    "The journal of this run is cut: the run was killed, or the end of its file was lost. What follows is what it had "
    "measured by then."
)
ONLY_IN_FRAMES = ("traceback", "pass_name")
"""Columns of the measurements that the CSV file does not have: the one is long, the other is there as `pass`."""


def write_reports(runs: Sequence[Run], folder: Path) -> None:
    """Write the files, those of networks and largest batches where the runs have any.

    UsageError where the folder cannot be written.
    """
    joined = Runs(tuple(runs))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(joined.measurements.drop(columns=[*ONLY_IN_FRAMES], errors="ignore"), folder / MEASUREMENTS)
        write_csv(joined.agreement, folder / AGREEMENT)
        for name, frame in ((NETWORKS, joined.networks), (LARGEST_BATCHES, joined.largest_batches)):
            if not frame.empty:
                write_csv(frame, folder / name)
        html = render_report(report_input(runs[0]) if len(runs) == 1 else input_of_several(joined))
        fresh = folder / f"{REPORT}.new"
        fresh.write_text(html, encoding="utf-8")
        fresh.replace(folder / REPORT)  # last, and whole: where it is, the other files are
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from error


def write_csv(frame: pd.DataFrame, path: Path, *, append: bool = False) -> None:
    """Write a table, or append it without its header; OSError where that fails.

    A text that a spreadsheet would take for a formula, as it begins with one of = + - @, gets an apostrophe before it.
    """
    plain = frame.copy(deep=False)
    for name, dtype in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype):
            plain[name] = frame[name].map(_no_formula)
    plain.to_csv(path, index=False, mode="a" if append else "w", header=not append)


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def report_input(run: Run) -> ReportInput:
    """What the page shows of a run."""
    measurements, header, settings = run.measurements, run.header, run.header["settings"]
    found = cautions(measurements, run.samples, settings["threads"])
    warnings = [*run.warnings, *map(_resumption, run.resumed), *found]
    if run.is_cut:
        warnings.insert(0, CUT)
    elif run.interrupted:
        warnings.insert(0, "The run was interrupted: what follows is what it had measured by then.")
    return ReportInput(
        measurements=measurements,
        agreement=run.agreement,
        backends=run.backends,
        settings=RunSettings(
            command=header["command"],
            started=header["started"],
            duration_s=run.duration_s,
            timed_s=sum(run.timed_s.values()),
            threads=settings["threads"],
            device=settings["device"],
            batch_sizes=settings["batch_sizes"],
            seed=settings["seed"],
            allocator=settings.get("allocator", "default"),  # runs of schema 1 may lack these two
            cache=settings.get("cache", "hot"),
            schema_version=header["schema"],
            convbench_version=header["packages"].get("convbench", ""),
        ),
        machine=header["machine"],
        packages=header["packages"],
        warnings=warnings,
        pictures=run.pictures,
        limits=[("", run.limits)] if run.limits else [],
        networks=run.networks,
        network_layers=run.network_layers,
        largest_batches=run.largest_batches,
        cases={
            CaseKey(workload.name, layer.case.name, layer.case.dtype): layer.case
            for workload in run.workloads
            for layer in workload.layers
        },
    )


def input_of_several(runs: Runs) -> ReportInput:
    """What the page shows of several runs: every name, warning and roof says of which run it is."""
    each = [(label, run, report_input(run)) for label, run in zip(runs.labels, runs, strict=True)]
    settings = each[0][2].settings
    return ReportInput(
        measurements=measurements_by_run(runs),
        agreement=agreement_by_run(runs),
        backends=records_by_run(runs),
        settings=settings,
        warnings=[f"{label}: {warning}" for label, _, shown in each for warning in shown.warnings],
        pictures=[
            replace(picture, title=f"{label}: {picture.title}") for label, run, _ in each for picture in run.pictures
        ],
        limits=[(label, run.limits) for label, run, _ in each if run.limits],
        networks=with_run_in_workload(runs.networks),
        network_layers=with_run_in_workload(runs.network_layers),
        largest_batches=runs.largest_batches,
        runs=runs_view(runs),
        machines=[(label, {**run.identity, **shown.machine}, shown.packages) for label, run, shown in each],
    )


def _resumption(resumed: Resumed) -> str:
    """A sentence on a run that was cut short."""
    dropped = [
        f"{format_integer(number)} {what}"
        for number, what in ((resumed.dropped_checks, "checks"), (resumed.dropped_samples, "samples"))
        if number
    ]
    made_again = f": {' and '.join(dropped)} that were not finished were dropped and made again" if dropped else ""
    return f"The run was cut short and went on at {resumed.at}{made_again}."
