"""pytest-benchmark reads what we write: `pytest-benchmark compare` shows the medians of the run."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from mixed_run import RIGHT, WRONG
from pytest_benchmark.stats import Stats

from convbench.report.export import export

COMPARE = "from pytest_benchmark.cli import main; main()"


def test_pytest_benchmark_compare_shows_the_stored_medians(run, stored_times, tmp_path):
    export(run, "pytest-benchmark", tmp_path / "0001_run.json")
    arguments = ["compare", "0001_run.json", "--csv", "out.csv", "--columns", "median,min,iqr"]
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in RIGHT)
    assert WRONG not in done.stdout
    with (tmp_path / "out.csv").open(newline="") as file:
        shown = {row["name"]: float(row["median"]) for row in csv.DictReader(file)}
    assert shown == {name: median for name, (median, _, _) in stored_times(run).items()}


def test_the_interval_is_the_stored_one(timed, stored_times):
    entries = json.loads(export(timed, "pytest-benchmark"))["benchmarks"]
    found = {
        entry["fullname"]: (entry["stats"]["median"], entry["extra_info"]["ci_low_s"], entry["extra_info"]["ci_high_s"])
        for entry in entries
    }
    assert found == stored_times(timed)


def test_other_statistics_are_those_that_the_tool_computes(timed):
    for entry in json.loads(export(timed, "pytest-benchmark"))["benchmarks"]:
        theirs, ours = Stats(), entry["stats"]
        for seconds in ours["data"]:
            theirs.update(seconds)
        for name in set(Stats.fields) - {"median", "outliers"}:
            assert ours[name] == pytest.approx(getattr(theirs, name), rel=1e-9), name
        assert ours["outliers"] == theirs.outliers


def test_backends_of_one_item_are_a_group(run):
    entries = json.loads(export(run, "pytest-benchmark"))["benchmarks"]
    groups = {}
    for entry in entries:
        groups.setdefault(entry["group"], []).append(entry["name"])
    assert all(names == list(RIGHT) for names in groups.values())
    assert len(groups) == 8


@pytest.mark.parametrize("name", ["pytest-benchmark", "pyperf", "bencher", "github-action"])
def test_json_is_strict(timed, name):
    json.loads(export(timed, name), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
