"""The house stays as it is drawn: arrows between packages run one way, and few modules know a library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

HOST = ROOT / "harness" / "convbench"
FRAMEWORKS = ("torch", "pytorch", "tensorflow", "jax", "numba", "naive", "numpy-im2col", "numpy_im2col")
MOST_LINES = 400
MOST_ENTRIES = 18
DEMANDED = ("__init__.py", "__main__.py", "__pycache__", "py.typed")
"""Entries that Python asks for, and nobody has to find their way among."""


def modules():
    return sorted(HOST.rglob("*.py"))


def imported(path):
    """The top-level packages that a module imports, in functions too, but not for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_the_contracts_of_the_imports_hold():
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("library", "home"), [("click", "cli/"), ("pluggy", "workers/discovery/loading.py")], ids=["click", "pluggy"]
)
def test_a_library_is_known_in_one_place(library, home):
    users = [path.relative_to(HOST).as_posix() for path in modules() if library in imported(path)]
    assert users
    assert [user for user in users if not user.startswith(home)] == []


def test_only_the_command_line_prints_or_exits():
    for path in modules():
        if path.is_relative_to(HOST / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "sys.exit", "exit", "quit"}, f"{path.relative_to(HOST)}:{node.lineno}"


def code_of(path):
    """A module without its docstrings and comments, where examples may name a backend."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree).lower()


def test_the_host_names_no_framework_and_no_backend():
    found = [
        (path.relative_to(HOST).as_posix(), name) for path in modules() for name in FRAMEWORKS if name in code_of(path)
    ]
    assert found == []


def test_modules_and_packages_stay_small():
    lines = {path.relative_to(HOST).as_posix(): len(path.read_text().splitlines()) for path in modules()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    folders = [HOST, *(path.parent for path in HOST.rglob("__init__.py"))]
    entries = {folder: [each for each in folder.iterdir() if each.name not in DEMANDED] for folder in folders}
    assert {folder.name: len(found) for folder, found in entries.items() if len(found) > MOST_ENTRIES} == {}


def test_untyped_dictionaries_are_few():
    text = "".join(path.read_text(encoding="utf-8") for path in modules())
    assert sum(text.count(each) for each in ("dict[str, Any]", "Mapping[str, Any]")) < 20
