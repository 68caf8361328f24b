"""Every format is in the table, and what all of them have in common holds for each."""

from __future__ import annotations

import json
import re

import pytest
from mixed_run import WRONG, write_mixed_run
from paths import ROOT, RUNS

import convbench
from convbench.errors import UsageError
from convbench.report.export import FORMATS, export
from convbench.report.export.writing import STEP_SUMMARY
from convbench.results.columns import MEASUREMENTS, names
from convbench.results.loading import load_run

OF_TIMES = [name for name, each in FORMATS.items() if each.of_times]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_holds_what_is_returned(run, tmp_path, name):
    path = tmp_path / "out"
    made = convbench.export(run, name, path)
    assert isinstance(made, str) == FORMATS[name].is_text
    assert path.read_bytes() == (made.encode() if isinstance(made, str) else made)
    convbench.export(run, name, path)
    assert len(path.read_bytes()) == len(made.encode() if isinstance(made, str) else made)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_run_gives_the_same_text(run, name):
    assert export(run, name) == export(load_run(run.folder), name)


@pytest.mark.parametrize("name", OF_TIMES)
def test_a_format_of_times_needs_a_right_cell(tmp_path, untimed, name):
    wrong = load_run(write_mixed_run(tmp_path / "wrong", backends=(WRONG,)))
    for run in (untimed, wrong):
        with pytest.raises(UsageError, match="no right cell with a time"):
            export(run, name)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in OF_TIMES])
def test_other_formats_need_none(untimed, name):
    assert export(untimed, name)


@pytest.mark.parametrize("folder", ["schema_1", "schema_2", "schema_3", "schema_4"])
def test_old_runs_can_be_exported(folder):
    run = load_run(RUNS / folder)
    assert all(export(run, name) for name in FORMATS)


def test_the_documentation_lists_every_format_in_the_order_of_the_table():
    page = (ROOT / "docs" / "export.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(FORMATS)


def test_an_unknown_format_is_refused_with_the_nearest(run):
    with pytest.raises(UsageError, match=r"unknown format 'pyperv'; did you mean pyperf\? \(there are: bencher, "):
        export(run, "pyperv")


def test_names_of_times_are_those_of_columns(run):
    (entry, *_) = json.loads(export(run, "pytest-benchmark"))["benchmarks"]
    keys = {*entry["extra_info"], *entry["params"]}
    keys |= set(json.loads(export(run, "pyperf"))["benchmarks"][0]["metadata"]) - {"name", "convbench_factor"}
    assert keys <= set(names(MEASUREMENTS))


def test_the_step_summary_of_a_job_is_added_to(run, tmp_path, monkeypatch):
    path = tmp_path / "summary.md"
    path.write_text("what a step before said\n")
    monkeypatch.setenv(STEP_SUMMARY, str(path))
    text = export(run, "markdown", path)
    assert path.read_text() == f"what a step before said\n{text}"


def test_a_file_that_cannot_be_written_is_said(run, tmp_path):
    with pytest.raises(UsageError, match=r"cannot write .*nowhere"):
        export(run, "latex", tmp_path / "nowhere" / "table.tex")
