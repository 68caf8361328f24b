"""The out-of-tree plug-in of the documentation is a distribution like any stranger's: installed, found, and right."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest
from paths import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "convbench-einsum"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Environment in which the example is installed, in a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True, capture_output=True)
    paths = [str(target), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "200"}


def _convbench(*arguments, env, cwd):
    command = [sys.executable, "-m", "convbench", *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)


def test_it_is_listed(installed, tmp_path):
    done = _convbench("backends", env=installed, cwd=tmp_path)
    assert done.returncode == 0
    assert any(line.startswith("einsum ") for line in done.stdout.splitlines())


@pytest.mark.slow
def test_it_is_right_wherever_it_claims_support(installed, tmp_path):
    arguments = ["--backends", "einsum,numpy-im2col", "--batch-sizes", "3", "--output", "run"]
    done = _convbench("check", "edge_cases", *arguments, env=installed, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = pd.read_csv(tmp_path / "run" / "measurements.csv")
    statuses = cells[cells["backend"] == "einsum"]["status"].value_counts()
    assert set(statuses.index) == {"ok", "unsupported"}
    assert statuses["ok"] > 50


def test_it_takes_part_in_a_comparison(installed, tmp_path):
    done = _convbench(
        "compare", "quick", "--cases", "conv1,flatten", "--backends", "einsum,numpy-im2col", "--batch-sizes", "1",
        "--blocks", "2", "--output", "run", env=installed, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    cells = pd.read_csv(tmp_path / "run" / "measurements.csv").set_index(["case", "backend", "pass"])
    assert cells.loc[("conv1", "einsum", "backward"), "median_s"] > 0
    assert cells.loc[("flatten", "einsum", "backward"), "status"] == "unsupported"


def test_the_tutorial_shows_the_whole_text():
    page = (ROOT / "docs" / "tutorials" / "backend_author.md").read_text()
    assert (EXAMPLE / "convbench_einsum.py").read_text() in page
