"""What surrounds the code agrees with it: citation, hooks, sessions, and addresses."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import yaml
from paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINTERS = ("ruff check", "ruff format", "mypy", "lint-imports")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert [each["name"] for each in citation["authors"]] == [each["name"] for each in PROJECT["authors"]]


def test_hooks_are_programs_of_the_environment_and_download_nothing():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    folder = str(Path(sys.executable).parent)
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert shutil.which(hook["entry"].split()[0], path=folder)
    entries = " ".join(hook["entry"] for hook in repository["hooks"])
    assert all(linter in entries for linter in LINTERS)


def test_hooks_and_sessions_run_what_ci_runs():
    ci, nox = ((ROOT / file).read_text() for file in (".ci/run", "noxfile.py"))
    for linter in LINTERS:
        assert linter in ci
        assert re.search('", "'.join(linter.split()), nox)


def test_issue_forms_can_be_read():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    for file in sorted(folder.glob("*.yml")):
        form = yaml.safe_load(file.read_text())
        if file.name != "config.yml":
            assert {"name", "description", "body"} <= set(form)
            assert len({part["id"] for part in form["body"]}) == len(form["body"])


def test_no_address_is_named_that_does_not_exist():
    assert "urls" not in PROJECT
