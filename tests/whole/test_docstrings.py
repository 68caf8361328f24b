"""Examples in docstrings are what the code does."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import convbench
import convbench_specs


def _with_examples(package: ModuleType) -> list[str]:
    """Names of a package's modules that have examples."""
    folder = Path(package.__path__[0])
    paths = [path for path in sorted(folder.rglob("*.py")) if ">>> " in path.read_text()]
    return [".".join((folder.name, *path.relative_to(folder).with_suffix("").parts)) for path in paths]


@pytest.mark.parametrize("name", [*_with_examples(convbench), *_with_examples(convbench_specs)])
def test_examples_in_docstrings_hold(name):
    result = doctest.testmod(import_module(name))
    assert result.attempted
    assert not result.failed
