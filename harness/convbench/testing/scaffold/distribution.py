"""The files of a new distribution: templates in which @words@ stand for its names.

A template ends in `.in` and is otherwise the file itself, so that it can be read as what it becomes. What a backend is
written with has a folder of its own: its backend.py, and in about.toml what that needs and how many of the cases of
edge_cases its tests must compute.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from datetime import UTC, datetime
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path

from convbench.errors import UsageError
from convbench.testing.scaffold.names import Names
from convbench_specs import CONTRACT

LICENSES = ("MIT", "BSD-3-Clause", "none")
_WORD = re.compile(r"@([a-z_]+)@")
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/convbench.yml": "workflow.yml",
    "src/@module@/__init__.py": "init.py",
    "src/@module@/backend.py": "@framework@/backend.py",
    "tests/test_backend.py": "test_backend.py",
}
"""By path in the distribution, the template of a file."""


def frameworks() -> list[str]:
    """What the backend in a new distribution may be written with."""
    return sorted(each.name for each in _templates().iterdir() if (each / "about.toml").is_file())


def files_of(names: Names, *, framework: str, license_name: str) -> dict[str, str]:
    """The text of each file of a new distribution, by its path; KeyError for a template with an unknown word."""
    about = tomllib.loads((_templates() / framework / "about.toml").read_text(encoding="utf-8"))
    words = {
        "name": names.backend,
        "distribution": names.distribution,
        "module": names.module,
        "class": names.class_name,
        "framework": framework,
        "requirement": str(about["requirement"]),
        "minimum_cases": str(about["minimum_cases"]),
        "license": "" if license_name == "none" else f'license = "{license_name}"\nlicense-files = ["LICENSE"]\n',
        "version": version("convbench"),
        "contract": str(CONTRACT),
        "year": str(datetime.now(UTC).year),
    }
    templates = dict(_FILES)
    if license_name != "none":
        templates["LICENSE"] = f"licenses/{license_name}"
    return {_filled(path, words): _filled(_template(_filled(name, words)), words) for path, name in templates.items()}


def write_distribution(files: dict[str, str], folder: Path) -> None:
    """Write the files into a new folder, all of them or none; UsageError where the folder exists or cannot be made."""
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already: name another folder with --output")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-backend-", dir=folder.parent) as beside:
            whole = Path(beside, "whole")
            for path, text in files.items():
                file = whole / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            whole.rename(folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error


def _templates() -> Traversable:
    return resources.files(__package__) / "templates"


def _template(name: str) -> str:
    return (_templates() / f"{name}.in").read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    return _WORD.sub(lambda found: words[found[1]], text)
