"""A run of entrants: each is checked, recorded and reproduced as what it is, whichever interpreter runs it."""

from __future__ import annotations

import shlex
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from other_interpreter import install, make_interpreter

import convbench
from convbench.cli.exit_codes import EXIT_WRONG
from convbench.cli.main import main

SOURCE = """
from importlib.metadata import version

from convbench_specs import Available, Backend, Flatten, Option, Prepared, Unsupported, hookimpl

class Reshape(Backend):
    name = "reshape"
    packages = ("reshape",)
    options = (Option("order", default="rows", choices=("rows", "columns"), meaning="What comes first."),)

    def availability(self, device):
        return Available(version("reshape"))

    def start(self, settings):
        self._letter = {"rows": "C", "columns": "F"}[settings.options["order"]]
        return {"order": settings.options["order"]}

    def prepare(self, case, tensors):
        if case.operation != Flatten():
            return Unsupported("only flatten, channels first")
        x = tensors.x.copy()
        return Prepared(forward=lambda: x.reshape((len(x), -1), order=self._letter) + OFF)

@hookimpl
def convbench_backends():
    return [Reshape]

OFF = 0
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Version 1 is right, version 2 is off by one; and version 1 once more, with an option that makes it wrong."""
    folder = tmp_path_factory.mktemp("entrants")
    environments = {}
    for version, off in (("1.0", 0), ("2.0", 1)):
        environments[version] = make_interpreter(folder / version)
        install(folder / version, "reshape", version, SOURCE.replace("OFF = 0", f"OFF = {off}"))
    return convbench.check(
        case='name = "f", operation = "flatten", input = [2, 3, 4]',
        backends=["naive"],
        entrants=[
            convbench.Entrant("before", "reshape", where=str(environments["1.0"])),
            f"after=reshape@{environments['2.0']}",
            convbench.Entrant("columns", "reshape", {"order": "columns"}, str(environments["1.0"])),
        ],
        batch_sizes=2,
        passes="forward",
        data="none",
        threads=1,
        output=folder / "run",
    )


def test_each_entrant_is_judged_by_itself(run):
    statuses = dict(zip(run.measurements["backend"], run.measurements["status"], strict=True))
    assert statuses == {"naive": "ok", "before": "ok", "after": "wrong", "columns": "wrong"}


def test_versions_and_interpreters_are_those_of_each_worker_in_the_table_and_the_header(run):
    table = pd.read_csv(run.folder / "measurements.csv", keep_default_na=False).set_index("backend")
    assert table["version"].to_dict() | {"naive": ""} == {
        "naive": "",
        "before": "1.0",
        "after": "2.0",
        "columns": "1.0",
    }
    assert table["entrant"]["naive"] == ""
    assert table["entrant"]["columns"].startswith("reshape with order=columns in /")
    told = {path.split("/")[-3]: packages["reshape"] for path, packages in run.header["interpreters"].items()}
    assert told == {"1.0": "1.0", "2.0": "2.0"}
    assert {record.name: record.python_version for record in run.backends if record.where} == dict.fromkeys(
        ["before", "after", "columns"], sys.version.split()[0]
    )


def test_the_page_says_what_runs_under_the_name_of_an_entrant(run):
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "reshape with order=columns in" in page


def test_the_command_that_shows_a_fault_again_names_the_entrant_and_finds_it_again(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = run.measurements.set_index("backend").loc["columns", "reproduce"]
    program, *arguments = shlex.split(wrong)
    assert program == "convbench"
    assert "--entrant" in arguments
    again = CliRunner().invoke(main, [*arguments, "--data", "none"])
    assert again.exit_code == EXIT_WRONG, again.output
    assert "columns" in again.output
