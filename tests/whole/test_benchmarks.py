"""The benchmarks under tests/benchmarks run: here without timing, one backend and a few cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from paths import TESTS

BENCHMARKS = TESTS / "benchmarks"


def _pytest(*arguments, cwd):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        str(BENCHMARKS),
        *arguments,
    ]
    # pytest-benchmark takes part in no run of several processes, and knows one by these
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS / "support"), environment.get("PYTHONPATH")]))
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


def test_every_pass_of_a_backend_runs(tmp_path):
    done = _pytest("--benchmark-disable", "-k", "naive and (small_conv or flatten or small_pool)", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


TOGETHER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from against_timers_together import WAYS, Together
path = Path(sys.argv[2])
together = Together("50us", 1, path)
said = [together.turn(3) for _ in WAYS]
rows = [json.loads(line) for line in path.read_text().splitlines()]
assert [row["turn"] for row in rows] == [0, 1, 2], rows
assert all(row[way] > 0 for row in rows for way in WAYS), rows
assert [row["pyperf"] * 3 for row in rows] == said, rows
"""


def test_timers_are_compared_on_one_call_in_one_process(tmp_path):
    command = [sys.executable, "-c", TOGETHER, str(BENCHMARKS), str(tmp_path / "lines")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_json_of_pytest_benchmark_names_case_and_pass(tmp_path):
    done = _pytest(
        "--benchmark-only", "--benchmark-json", "out.json", "--benchmark-min-rounds=1", "--benchmark-max-time=0",
        "-k", "numpy-im2col and flatten and forward", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (entry,) = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert entry["group"] == "flatten forward"
    assert "numpy-im2col" in entry["name"]
    assert entry["stats"]["iterations"] > 100, "a call of some 200 ns is looped, so that no file of 60 MB is written"


def test_the_drift_of_a_machine_is_shown(tmp_path):
    drift = [sys.executable, str(BENCHMARKS / "drift.py"), "--backends", "naive,numpy-im2col", "--case", "small_pool"]
    command = [*drift, "--batch-size", "1", "--processes", "2", "--seconds", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "spread of the ratio" in done.stdout
    assert "processes apart" in done.stdout


@pytest.mark.slow
def test_what_a_sweep_costs_is_shown_by_size(tmp_path):
    scale = [sys.executable, str(BENCHMARKS / "sweep_scale.py"), "--jobs", "16", "--machines", "8"]
    done = subprocess.run(scale, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ")[:2] for line in done.stdout.splitlines()[2:]]
    assert rows == [["2", "1"], ["4", "2"], ["8", "4"], ["16", "8"]]


def test_how_long_a_worker_settles_is_shown(tmp_path):
    settling = [
        sys.executable,
        str(BENCHMARKS / "settling.py"),
        "--backends",
        "naive,numpy-im2col",
        "--case",
        "small_pool",
    ]
    command = [*settling, "--batch-size", "1", "--pass", "forward", "--seconds", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith(("| naive", "| numpy-im2col"))]
    assert [len(row) for row in rows] == [2 + 14, 2 + 14]


@pytest.mark.slow
def test_networks_are_measured_layer_by_layer(tmp_path):
    conv = 'operation = "conv", input = [2, 6, 6], out_channels = 3, kernel_size = 1'
    cases = f'[{{ name = "one", {conv} }}, {{ name = "two", count = 2, {conv} }}]'
    (tmp_path / "small.toml").write_text(f'title = "Small"\nsource = "a test"\ncases = {cases}\n')
    script = [
        sys.executable,
        str(BENCHMARKS / "networks.py"),
        "out",
        "--networks",
        "small.toml",
        "--batch-sizes",
        "1,2",
    ]
    command = [*script, "--rounds", "1", "--entrants", "numba-cpu,numpy-im2col"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "out" / "layers.csv")) == 2 * 2 * 2 * 2  # layers, batch sizes, passes, backends
    assert "| small | 2 | both together |" in (tmp_path / "out" / "networks.md").read_text()


@pytest.mark.slow
def test_every_formulation_is_timed_on_random_layers(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "formulations.py"), str(tmp_path), "--layers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "formulations.csv")
    assert (table.groupby(["number", "pass"])["chosen"].sum() == 1).all()
    assert done.stdout.count("of 1 within a tenth of the fastest") == 3
