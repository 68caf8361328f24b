"""The frames say what the journal says: later events replace earlier ones, units and statistics come out."""

from __future__ import annotations

import pandas as pd
import pytest
from paths import RUNS

from convbench.errors import RunError
from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus, Status
from convbench.report.files import CUT, write_reports
from convbench.results.columns import AGREEMENT, MEASUREMENTS
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    BackendFound,
    BackendStarted,
    CellComputed,
    CellFailed,
    CellJudged,
    CellPredicted,
    CellSkipped,
    MemoryMeasured,
    PictureMade,
    SampleTaken,
    fields_of,
)
from convbench.results.loading import load_run

ALWAYS = {column.name for column in (*MEASUREMENTS, *AGREEMENT) if not column.optional}

SETTINGS = {"threads": 2, "device": "cpu", "batch_sizes": [2], "seed": 0}
HEADER = {
    "command": "convbench compare",
    "started": "2026-11-20T12:00:00+00:00",
    "settings": SETTINGS,
    "machine": {},
    "packages": {},
    "workloads": [
        {
            "name": "w",
            "title": "",
            "source": "",
            "layers": [
                {
                    "count": 2,
                    "case": {"name": "c", "operation": "conv", "input": [1, 4, 4], "out_channels": 1, "kernel_size": 3},
                }
            ],
        }
    ],
}
KEY = CellKey("w", "c", "float32", 2, "mine", "forward")
SAMPLE = {"block": 0, "loops": 10, "cpu_s": 0.02, "minor_faults": 30, "involuntary_switches": 0}


@pytest.fixture
def folder(tmp_path):
    key = fields_of(KEY)
    with Journal.begin(tmp_path, HEADER) as journal:
        journal.write(BackendFound(name="mine", status=BackendStatus.AVAILABLE, version="1", summary="s"))
        journal.write(BackendStarted(name="mine", facts={"a": "b"}, start_s=0.5, harness_overhead_s=5e-8))
        journal.write(CellComputed(**key, data="random", call_s=0.2, first_call_s=0.25))
        journal.write(CellJudged(**key, data="random", own="agrees", verdict="agrees"))
        for number, elapsed in enumerate([0.010, 0.012, 0.011]):
            journal.write(SampleTaken(**key, round=number, elapsed_s=elapsed, **SAMPLE))
        journal.write(CellFailed(**fields_of(KEY._replace(pass_name="both")), status=Status.CRASHED, reason="why"))
    return tmp_path


def test_columns_of_a_cell_are_merged(folder):
    cell = load_run(folder).measurements.iloc[0]
    assert (cell["status"], cell["verdict"], cell["first_call_s"]) == ("ok", "agrees", 0.25)


@pytest.mark.parametrize(
    ("settings", "rows"), [({"timing": False, "memory": False}, 0), ({"timing": True}, 2), ({}, 2)]
)
def test_a_run_that_only_checked_has_no_networks_and_one_that_measured_tells_what_is_missing(tmp_path, settings, rows):
    (workload,) = HEADER["workloads"]
    header = HEADER | {"settings": SETTINGS | settings, "workloads": [workload | {"network": True}]}
    with Journal.begin(tmp_path, header) as journal:
        for name in ("forward", "both"):
            journal.write(CellSkipped(**fields_of(KEY._replace(pass_name=name)), reason="slow"))
    assert len(load_run(tmp_path).networks) == rows


def test_seconds_are_those_of_a_call(folder):
    cell = load_run(folder).measurements.iloc[0]
    assert cell["median_s"] == pytest.approx(0.0011)
    assert (cell["min_s"], cell["ci_low_s"], cell["ci_high_s"]) == pytest.approx((0.001, 0.001, 0.0012))
    assert (cell["samples"], cell["loops"]) == (3, 10)
    assert cell["effective_threads"] == pytest.approx(0.06 / 0.033)
    assert cell["minor_faults"] == pytest.approx(3)


def test_rates_follow_from_the_cost_of_the_case(folder):
    cell = load_run(folder).measurements.iloc[0]
    flops = 2 * 2 * 4 * 9 + 2 * 4  # batch 2, 4 places, 9 taps, and a bias
    assert cell["flops"] == flops
    assert cell["gflops_per_s"] == pytest.approx(flops / 0.0011 / 1e9)


@pytest.mark.parametrize(("source", "factor"), [("an allocator (an upper bound)", None), ("resident", 0.5)])
def test_an_upper_bound_below_the_least_is_no_factor_even_in_an_older_run(folder, source, factor):
    least = 2 * 4 * 4  # two results of 2 x 2
    with Journal.go_on(folder) as journal:
        journal.write(MemoryMeasured(**fields_of(KEY), memory_source=source, peak_memory_bytes=least // 2))
    found = load_run(folder).measurements.iloc[0]["memory_factor"]
    assert pd.isna(found) if factor is None else found == factor


def test_a_cell_without_samples_has_its_status_and_no_numbers(folder):
    cell = load_run(folder).measurements.iloc[1]
    assert (cell["status"], cell["reason"], cell["samples"]) == ("crashed", "why", 0)
    assert pd.isna(cell["median_s"])


def test_events_of_a_backend_are_merged(folder):
    (record,) = load_run(folder).backends
    assert record.version == "1"
    assert record.facts == {"a": "b", "start and import": "500 ms", "timing loop": "50.0 ns a call"}


def test_a_run_without_its_end_was_interrupted(folder):
    assert load_run(folder).interrupted


def test_an_empty_journal_gives_empty_frames_with_all_columns(tmp_path):
    with Journal.begin(tmp_path, HEADER):
        pass
    run = load_run(tmp_path)
    assert {*run.measurements, *run.agreement} >= ALWAYS
    assert len(run.measurements) == len(run.agreement) == 0


def test_a_picture_that_is_gone_is_named(folder):
    with Journal.go_on(folder) as journal:
        journal.write(PictureMade(file="x.png", title="t", caption="c"))
    with pytest.raises(RunError, match=r"cannot read .*x\.png"):
        load_run(folder)


@pytest.mark.parametrize("folder", sorted(RUNS.iterdir()), ids=lambda folder: folder.name)
def test_runs_of_every_older_schema_stay_readable(folder):
    run = load_run(folder)
    assert not run.interrupted
    cells = run.measurements
    assert set(cells["backend"]) == {"naive", "numpy-im2col"}
    assert (cells["verdict"] == "agrees").all()
    assert (cells["median_s"] > 0).all()
    assert (run.agreement["verdict"] == "agrees").all()


def test_a_cell_that_an_interrupted_run_did_not_reach_says_so(tmp_path):
    with Journal.begin(tmp_path, HEADER) as journal:
        journal.write(CellPredicted(**fields_of(KEY), predicted_s=0.1))
    cell = load_run(tmp_path).measurements.iloc[0]
    assert (cell["status"], load_run(tmp_path).interrupted) == ("not reached", True)


def test_a_run_that_was_cut_before_its_first_comparison_has_a_report_that_says_so(tmp_path):
    with Journal.begin(tmp_path, HEADER) as journal:
        journal.write(CellPredicted(**fields_of(KEY), predicted_s=0.1))
    write_reports([load_run(tmp_path)], tmp_path)
    assert CUT in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_header_that_lacks_a_part_is_called_damaged(tmp_path):
    with Journal.begin(tmp_path, {key: value for key, value in HEADER.items() if key != "settings"}):
        pass
    with pytest.raises(RunError, match=r"run\.json is damaged: .*settings"):
        load_run(tmp_path)
