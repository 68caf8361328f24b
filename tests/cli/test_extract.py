"""convbench extract as a user meets it, and compare and check, which take a model themselves."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from convbench.cli.exit_codes import EXIT_USAGE
from convbench.cli.main import main
from convbench_specs import load_workload, parse_workload


@pytest.fixture
def call(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.toy").write_text("4 8")

    def run(*arguments):
        needs_toys = any("toy" in each for each in arguments)
        plugin = ["--plugin", str(plugins / "toy_models.py")] if needs_toys else []
        return CliRunner().invoke(main, [*arguments, *plugin])

    return run


def test_extract_prints_the_file_alone_and_the_rest_beside_it(call):
    done = call("extract", "two.toy", "--input", "3,9,9")
    assert done.exit_code == 0, done.output
    assert len(parse_workload(done.stdout, name="two", origin="stdout").cases) == 2
    assert "two: 2 cases for 2 layers" in done.stderr
    assert "up: transposed convolution: there is none" in done.stderr


def test_extract_writes_a_file_that_is_a_workload(call):
    done = call("extract", "toys:4", "--input", "3,9,9", "--output", "net.toml")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "convbench compare net.toml" in done.stderr
    assert len(load_workload("net.toml").cases) == 1


def test_check_takes_a_model_and_goes_on_with_it(call, tmp_path, plugins):
    done = call("check", "two.toy", "--input", "3,4,4", "--backends", "naive", "--batch-sizes", "1", "--output", "run")
    assert done.exit_code == 0, done.output
    assert "two.toy: 2 cases" in done.output
    assert "left out: " in done.output
    header = json.loads((tmp_path / "run" / "run.json").read_text())
    assert header["settings"]["inputs"] == [[3, 4, 4]]
    assert [table["name"] for table in header["workloads"]] == ["two"]
    assert "Left out are layers" in header["workloads"][0]["source"]
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # as if killed before its end
    again = call("check", "--resume", "run", "--plugin", str(plugins / "toy_models.py"))
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["check", "net.py:make"],
            "net.py:make looks like a model: name the shape of its input, such as --input 3,224",
        ),
        (["check", "lenet5", "--input", "3,9,9"], "--input is the shape of a model's input, and lenet5 is none"),
        (["check", "lennet5"], "unknown workload 'lennet5'; did you mean lenet5"),
        (["show", "net.py:make"], "convbench extract net.py:make --input 3,224,224 --output model.toml"),
        (["extract", "toy", "--input", "3,9,9"], "'toy' names no model"),
        (["extract", "net.py:make", "--input", "3x9"], "'3x9' must be channels,height,width"),
    ],
)
def test_a_call_that_cannot_be_says_how(call, arguments, problem):
    done = call(*arguments)
    assert done.exit_code == EXIT_USAGE
    assert problem in " ".join(done.output.split())
