"""The example distributions of the documentation: each installs, is listed, and passes its own tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from paths import ROOT

EXAMPLES = {path.name.removeprefix("convbench-"): path for path in sorted((ROOT / "docs" / "examples").glob("*-*"))}
TESTED = [name for name, path in EXAMPLES.items() if (path / "tests").is_dir()]
REQUIRED = {"autograd": "autograd", "onnxruntime": "onnxruntime"}


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTED)
def test_an_example_installs_is_listed_and_passes_its_tests(name, tmp_path):
    if name in REQUIRED:
        pytest.importorskip(REQUIRED[name])
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path), str(EXAMPLES[name])], check=True, capture_output=True)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_ADDOPTS": ""}

    def run(*arguments):
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    listed = run("convbench", "backends")
    assert any(line.startswith(f"{name} ") and "unavailable" not in line for line in listed.stdout.splitlines())
    tested = run("pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES[name] / "tests"))
    assert tested.returncode == 0, tested.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", tested.stdout)[1]) > 15


def test_every_kind_of_example_is_there():
    assert {"autograd", "layers", "onnxruntime"} <= set(TESTED)
