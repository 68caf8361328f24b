"""Who does not need a heavy import does not pay for it. What is imported is asserted; the seconds are a benchmark."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pandas", "scipy", "rich", "jinja2", "torch", "tensorflow", "jax", "numba", "sklearn"}
CODE = """
import sys
from convbench.cli.main import main
try:
    main({arguments!r})
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


def _imported(*arguments):
    code = CODE.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["compare", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    assert not _imported(*arguments)


@pytest.mark.parametrize("arguments", [["backends"], ["workloads"], ["show", "mnist_cnn"]])
def test_listing_imports_neither_pandas_nor_a_framework(arguments):
    assert _imported(*arguments) <= {"numpy", "rich"}


def test_a_worker_imports_neither_pandas_nor_a_framework_of_its_own_accord():
    code = "import convbench.workers.serving, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == {"numpy"}
