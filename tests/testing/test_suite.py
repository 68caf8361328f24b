"""The suite for authors: in a project of their own, by three lines, it passes, fails and skips as it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from paths import EXAMPLE

SUITE = """
from convbench.testing import BackendTests

class TestMine(BackendTests):
    backend = "{backend}"
    plugin = r"{plugin}"
    workload = r"{workload}"
    max_examples = 100
"""
WORKLOAD = """
[[cases]]
name = "conv"
operation = "conv"
input = [2, 5, 5]
out_channels = 3
kernel_size = 3
[[cases]]
name = "flat"
operation = "flatten"
input = [2, 3, 3]
"""


@pytest.fixture
def run_suite(tmp_path, plugins):
    """Runs the suite of a project that holds nothing else; returns pytest's output."""

    def run(backend, plugin):
        (tmp_path / "small.toml").write_text(WORKLOAD)
        suite = SUITE.format(backend=backend, plugin=plugins / plugin, workload=tmp_path / "small.toml")
        (tmp_path / "test_mine.py").write_text(suite)
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--color=no", str(tmp_path)]
        environment = {**os.environ, "COLUMNS": "400", "PYTEST_ADDOPTS": ""}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        return done.stdout

    return run


def test_a_wrong_backend_fails_with_sentence_and_command(run_suite, plugins):
    output = run_suite("last-tap", "last_tap.py")
    assert "wrong: last-tap forward: y: " in output
    assert re.search(r"elements off; first at \(0, 0, 0, 0\): \S+ where \S+ is right", output)
    assert "--backends last-tap --batch-sizes 1 --seed 0 --threads" in output
    assert f"--plugin {plugins / 'last_tap.py'}" in output
    assert re.search(r"(Falsifying example|Failing test case): is_right\(", output)  # of the random ones, the smallest
    assert "input_shape=(1, 1, 1)" in output
    assert "unsupported: only 2-D convolutions without groups" in output


def test_what_is_unsupported_is_skipped_with_its_reason(run_suite):
    output = run_suite("einsum", EXAMPLE)
    assert "failed" not in output.splitlines()[-1]
    assert "unsupported: it does not compute flatten, only conv" in output
    assert re.search(r"\d+ passed", output)


def test_a_plugin_that_cannot_be_used_says_why(run_suite):
    output = run_suite("broken", "broken.py")
    assert re.search(r"plug-in \S*broken.py cannot be used: ", output)


def test_an_unavailable_backend_is_skipped_with_its_reason(tmp_path, run_suite, plugins):
    (tmp_path / "absent.py").write_text(
        "from convbench_specs import Backend, Unavailable, hookimpl\n"
        "class Absent(Backend):\n"
        "    name = 'absent'\n"
        "    def availability(self, device):\n"
        "        return Unavailable('no such hardware')\n"
        "    def prepare(self, case, tensors):\n"
        "        raise AssertionError\n"
        "@hookimpl\n"
        "def convbench_backends():\n"
        "    return [Absent]\n"
    )
    output = run_suite("absent", tmp_path / "absent.py")
    assert "absent is unavailable: no such hardware" in output
    assert re.search(r"\d+ skipped", output)
    assert "passed" not in output


def test_a_suite_in_which_all_is_skipped_fails(tmp_path, run_suite):
    (tmp_path / "nothing.py").write_text(
        "from convbench_specs import Backend, Unsupported, hookimpl\n"
        "class Nothing(Backend):\n"
        "    name = 'nothing'\n"
        "    def prepare(self, case, tensors):\n"
        "        return Unsupported('not yet')\n"
        "@hookimpl\n"
        "def convbench_backends():\n"
        "    return [Nothing]\n"
    )
    output = run_suite("nothing", tmp_path / "nothing.py")
    assert "1 failed, " in output.splitlines()[-1]
    assert "nothing computes 0 of 12 cases, fewer than minimum_cases = 1: name a workload that it computes" in output
    assert "the first that it does not: unsupported: not yet" in output
