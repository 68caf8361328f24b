"""`convbench export` on the command line: what goes to the terminal, to a file, and to stderr."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner
from mixed_run import write_mixed_run

from convbench.cli.commands.export import export as command
from convbench.cli.exit_codes import EXIT_USAGE
from convbench.cli.main import main
from convbench.report.export import FORMATS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_mixed_run(tmp_path_factory.mktemp("runs") / "mixed")


def call(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_text_goes_to_the_terminal_and_what_is_left_out_to_stderr(folder):
    done = call(folder, "--format", "bencher")
    assert done.exit_code == 0, done.stderr
    assert len(json.loads(done.stdout)) == 16
    assert "left out: 8 wrong, 8 crashed, 8 unsupported, 8 untrusted\n" in done.stderr


def test_text_is_utf_8_on_every_terminal(folder):
    done = CliRunner(charset="latin-1").invoke(main, ["export", str(folder), "--format", "markdown"])
    assert done.exit_code == 0
    assert "µs" in done.stdout_bytes.decode("utf-8")


def test_a_file_is_written_in_silence(folder, tmp_path):
    done = call(folder, "--format", "junit", "--output", tmp_path / "checks.xml")
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "checks.xml").read_text().startswith("<?xml")


def test_bytes_do_not_go_to_the_terminal(folder):
    done = call(folder, "--format", "parquet")
    assert done.exit_code == EXIT_USAGE
    assert done.stderr == "convbench: parquet is a binary format: name the file to write with --output\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--figure", "tmie", "--output", "a.svg"), "unknown figure 'tmie'; did you mean time?"),
        (("--figure", "time"), "a figure needs a file: add --output time.svg"),
        (("--figure", "time", "--case", "conv9", "--output", "a.svg"), "unknown case 'conv9'"),
        (("--figure", "roofline", "--case", "conv1", "--output", "a.svg"), "a roofline shows all cases"),
        (("--format", "markdwon"), "unknown format 'markdwon'; did you mean markdown?"),
        (("--format", "latex", "--output", "/dev/full"), "cannot write /dev/full: No space left on device"),
        (("--format", "latex", "--output", "/nowhere/table.tex"), "cannot write /nowhere/table.tex: No such file"),
    ],
)
def test_a_call_that_cannot_work_is_one_line(folder, arguments, said):
    done = call(folder, *arguments)
    assert done.exit_code == EXIT_USAGE
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    done = call(tmp_path, "--format", "latex")
    assert done.exit_code == EXIT_USAGE
    assert "is not the folder of a run" in done.stderr


def test_help_names_every_format():
    (option,) = [each for each in command.params if each.name == "format_name"]
    assert option.help == f"Format to write: {', '.join([*FORMATS][:-1])} or {[*FORMATS][-1]}."


def test_the_shell_completes_the_name_of_a_format():
    (option,) = [each for each in command.params if each.name == "format_name"]
    completed = option.shell_complete(click.Context(command), "py")
    assert [each.value for each in completed] == ["pytest-benchmark", "pyperf"]


def test_a_figure_is_written_as_its_file_ends(folder, tmp_path):
    done = call(folder, "--figure", "time", "--case", "conv1", "--output", tmp_path / "conv1.pdf")
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "conv1.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    "arguments", [(), ("--format", "latex", "--figure", "time"), ("--format", "latex", "--case", "conv1")]
)
def test_a_format_or_a_figure_must_be_named_and_not_both(folder, arguments):
    assert call(folder, *arguments).exit_code == EXIT_USAGE
