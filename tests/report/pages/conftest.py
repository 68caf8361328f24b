"""The pages of every kind, each with all that it can have: written once, for tests that look at them in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from course_run import course_input
from fake_run import report_input
from network_rows import BOTH_RIGHT, NETWORK
from planted_run import plant_run
from shown_run import write_run
from stored_runs import Made

import convbench
from convbench.report.diff.page import render_diff
from convbench.report.files import input_of_several
from convbench.report.files import report_input as input_of
from convbench.report.history.page import render_history
from convbench.report.html import render_report
from convbench.report.inputs import LARGEST_BATCH_COLUMNS
from convbench.results.diff import diff
from convbench.results.history import history
from convbench.results.networks import fastest_layers, roll_up

LARGEST = {
    "workload": "tiny", "case": "conv1", "dtype": "float32", "backend": "fast", "pass": "both", "status": "ok",
    "reason": "it reached 2.01 GB", "largest_batch_size": 4096, "too_large": 4120, "peak_bytes": 1.99e9,
    "bytes_an_instance": 4.5e5, "limit_bytes": 2 * 10**9, "tries": 7,
}  # fmt: skip
BASE = Made(cases=("conv1", "pool1"), batch_sizes=(1, 8))
WORSE = replace(BASE, seed=1, wrong={("pool1", "left"): "dw"}, factors={("conv1", "right"): 1.5})


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The files, by kind."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "run": render_report(_run()),
        "measured": render_report(input_of(write_run(folder / "measured"))),
        "course": render_report(course_input()),
        "several": render_report(_several(folder)),
        "diff": render_diff(diff(BASE.run("base"), WORSE.run("new"))),
        "history": render_history(_history(folder / "history")),
    }
    written = {kind: folder / f"{kind}.html" for kind in texts}
    for kind, path in written.items():
        path.write_text(texts[kind], encoding="utf-8")
    return written


def _run():
    """Wrong, skipped and absent cells, pictures, warnings, a network, a largest batch."""
    shown = report_input()
    return replace(
        shown,
        measurements=pd.concat([shown.measurements, BOTH_RIGHT], ignore_index=True),
        networks=roll_up(BOTH_RIGHT, [NETWORK]),
        network_layers=fastest_layers(BOTH_RIGHT, [NETWORK]),
        largest_batches=pd.DataFrame([LARGEST], columns=list(LARGEST_BATCH_COLUMNS)),
    )


def _several(folder: Path):
    plant_run(folder / "laptop/run", machine="my laptop", seconds=1e-3)
    plant_run(folder / "server/run", machine="the server", seconds=2.0, cases=("c",), finished=False)
    return input_of_several(convbench.load_runs([folder / "laptop/run", folder / "server/run"]))


def _history(folder: Path):
    for day in range(1, 7):
        Made(
            cases=("conv1",), backends={"left": "2" if day > 3 else "1"}, seed=day,
            started=f"2026-11-0{day}T12:00:00+00:00", factors={("conv1", "left"): 1.5 if day > 3 else 1.0},
        ).store(folder / str(day))  # fmt: skip
    return history(folder)
