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
from convbench.results.events.schema import Resumed
from convbench.results.run import Run
from convbench.text.units import format_integer

MEASUREMENTS = "measurements.csv"
AGREEMENT = "agreement.csv"
NETWORKS = "networks.csv"
LARGEST_BATCHES = "largest_batches.csv"
REPORT = "report.html"
FORMULA = ("=", "+", "-", "@")


def write_reports(runs: Sequence[Run], folder: Path) -> None:
    """Write the files, those of networks and largest batches where the runs have any.

    UsageError where the folder cannot be written.
    """
    many = len(runs) > 1
    measurements = _concat([run.measurements for run in runs], runs, label=many)
    agreement = _concat([run.agreement for run in runs], runs, label=many)
    networks = _concat([run.networks for run in runs], runs, label=many)
    largest = _concat([run.largest_batches for run in runs], runs, label=many)
    layers = _concat([run.network_layers for run in runs], runs, label=many)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(measurements.drop(columns="traceback", errors="ignore"), folder / MEASUREMENTS)
        write_csv(agreement, folder / AGREEMENT)
        for name, frame in ((NETWORKS, networks), (LARGEST_BATCHES, largest)):
            if not frame.empty:
                write_csv(frame, folder / name)
        shown = report_input(runs[0], measurements, agreement)
        limits = [(run.folder.name if many else "", run.limits) for run in runs if run.limits]
        html = render_report(
            replace(shown, networks=networks, network_layers=layers, largest_batches=largest, limits=limits)
        )
        fresh = folder / f"{REPORT}.new"
        fresh.write_text(html, encoding="utf-8")
        fresh.replace(folder / REPORT)  # last, and whole: where it is, the other files are
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from error


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table; OSError where that fails.

    A text that a spreadsheet would take for a formula, as it begins with one of = + - @, gets an apostrophe before it.
    """
    plain = frame.copy(deep=False)
    for name, dtype in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype):
            plain[name] = frame[name].map(_no_formula)
    plain.to_csv(path, index=False)


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def report_input(run: Run, measurements: pd.DataFrame, agreement: pd.DataFrame) -> ReportInput:
    """What the page shows of a run."""
    header, settings = run.header, run.header["settings"]
    warnings = [*run.warnings, *map(_resumption, run.resumed), *cautions(measurements, settings["threads"])]
    if run.interrupted:
        warnings.insert(0, "The run was interrupted: what follows is what it had measured by then.")
    return ReportInput(
        measurements=measurements,
        agreement=agreement,
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


def _concat(frames: Sequence[pd.DataFrame], runs: Sequence[Run], *, label: bool) -> pd.DataFrame:
    """One frame of all runs; of several, each workload is named with its run's folder."""
    if not label:
        return frames[0]
    named = [
        frame.assign(workload=f"{run.folder.name}: " + frame["workload"].astype(str))
        for frame, run in zip(frames, runs, strict=True)
    ]
    return pd.concat(named, ignore_index=True)
