"""Bencher's and GitHub's JSON keep medians and intervals."""

from __future__ import annotations

import json

import pytest
from mixed_run import WRONG

from convbench.report.export import export


def test_bencher_keeps_median_and_interval(timed, stored_times):
    document = json.loads(export(timed, "bencher"))
    found = {
        name: tuple(measures["latency"][key] / 1e9 for key in ("value", "lower_value", "upper_value"))
        for name, measures in document.items()
    }
    stored = stored_times(timed)
    assert found.keys() == stored.keys()
    assert all(found[name] == pytest.approx(stored[name], rel=1e-12) for name in stored)
    assert {tuple(measures) for measures in document.values()} == {("latency",)}


def test_github_compares_the_same_unit_in_every_cell(run, stored_times):
    entries = json.loads(export(run, "github-action"))
    assert {entry["unit"] for entry in entries} == {"ns"}
    stored = stored_times(run)
    assert [entry["name"] for entry in entries] == list(stored)
    for entry in entries:
        median, low, high = stored[entry["name"]]
        assert entry["value"] == pytest.approx(1e9 * median, abs=1e-3)
        exact = dict(line.split(": ") for line in entry["extra"].splitlines())
        assert (float(exact["median_s"]), float(exact["ci_low_s"]), float(exact["ci_high_s"])) == (median, low, high)
        assert isinstance(entry["range"], str)


@pytest.mark.parametrize("name", ["bencher", "github-action"])
def test_a_wrong_cell_has_no_time(run, name):
    assert WRONG not in export(run, name)
