"""Fuzzing finds a planted bug, shrinks it to the smallest case and leaves a file and a command that show it again."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import chdir

import pytest
from click.testing import CliRunner

from convbench.cli.exit_codes import EXIT_USAGE, EXIT_WRONG
from convbench.cli.main import main
from convbench.errors import UsageError
from convbench.testing.fuzz import Budget
from convbench_specs import Conv, load_workload


@pytest.fixture
def convbench(tmp_path, monkeypatch):
    """Calls a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def findings(done):
    """The lines of what was found, as (words before the file, command)."""
    lines = [line for line in done.stdout.splitlines() if ": convbench check " in line]
    return [tuple(line.rsplit(": convbench check ", 1)) for line in lines]


def test_a_planted_bug_is_found_shrunk_and_can_be_shown_again(convbench, tmp_path, plugins):
    plugin = plugins / "last_tap.py"
    done = convbench(
        "fuzz", "--count", 40, "--plugin", plugin, "--backends", "last-tap,numpy-im2col", "--output", "found"
    )
    assert done.exit_code == EXIT_WRONG, done.output
    ((said, command),) = findings(done)
    assert said.startswith("wrong: last-tap: y: 1 of 1 elements off")
    (file,) = (tmp_path / "found").iterdir()
    assert file.name == "last-tap-conv-y.toml"
    (case,) = load_workload(str(file)).cases
    assert case.operation == Conv(in_channels=1, out_channels=1, kernel_size=(1, 1), bias=False)
    assert case.input_shape == (1, 1, 1)
    again = convbench("check", *shlex.split(command), "--output", "again")
    assert again.exit_code == EXIT_WRONG
    assert "1 found: 40 cases on last-tap, numpy-im2col" in done.stdout


def test_a_right_backend_leaves_nothing_behind(convbench, tmp_path, plugins):
    with chdir(plugins):
        done = convbench(
            "fuzz", "--count", 60, "--plugin", "mutants", "--backends", "correct", "--output", tmp_path / "found"
        )
    assert done.exit_code == 0, done.output
    assert "no disagreement: 60 cases on correct" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_fault_on_a_kind_of_data_is_found_and_named(convbench, tmp_path, plugins):
    name = "scaled-by-a-power-of-two"
    arguments = ("--plugin", "mutants", "--backends", name, "--data", "huge,denormal", "--dtypes", "float32")
    with chdir(plugins):
        done = convbench("fuzz", "--count", 80, *arguments, "--output", tmp_path / "found")
    assert done.exit_code == EXIT_WRONG, done.output
    ((said, command),) = findings(done)
    assert said.startswith(f"wrong: {name}: on denormal data, y: ")
    assert "--data denormal" in command
    assert [file.name for file in (tmp_path / "found").iterdir()] == [f"{name}-conv-y-denormal.toml"]


def test_what_a_backend_makes_of_nan_is_counted_and_no_finding(convbench, tmp_path, plugins):
    arguments = ("--plugin", "mutants", "--backends", "nan-spreads-over-an-instance", "--data", "not-a-number")
    with chdir(plugins):
        done = convbench("fuzz", "--count", 30, *arguments, "--output", tmp_path / "found")
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("differs on NaN: ")]
    assert "nan-spreads-over-an-instance: in " in line
    assert "; the first: " in line
    assert "no disagreement" in done.stdout


def test_a_dtype_that_no_backend_has_is_said_and_nothing_is_claimed(convbench):
    done = convbench("fuzz", "--count", 4, "--dtypes", "bfloat16", "--backends", "naive")
    assert done.exit_code == EXIT_USAGE
    assert "left out: naive: none of the cases; the first: unsupported: NumPy" in done.output
    assert "nothing was checked: no backend computes any of 80 random cases" in done.output
    assert "no disagreement" not in done.output


def test_each_kind_of_failure_is_reported_once_and_the_search_goes_on(convbench, plugins):
    done = convbench(
        "fuzz", "--count", 60, "--plugin", plugins / "fragile.py", "--backends", "fragile", "--output", "found"
    )
    assert done.exit_code == EXIT_WRONG, done.output
    said = {words.split("; ")[0]: command for words, command in findings(done)}
    assert len(said) == 2
    crash, error = sorted(said)
    assert "crashed: fragile: the worker exited with code 3" in crash
    assert "error: fragile: ArithmeticError: too many channels" in error
    (case,) = load_workload(said[error].split()[0]).cases
    assert case.input_shape in {(3, 1), (3, 1, 1)}  # the least number of channels, the least size


def test_the_seed_decides_what_comes(convbench, plugins):
    def fuzz(seed):
        done = convbench(
            "fuzz", "--count", 40, "--plugin", plugins / "last_tap.py", "--backends", "last-tap", "--seed", seed,
            "--output", "found",
        )  # fmt: skip
        return findings(done)

    assert fuzz(1) == fuzz(1)
    assert "--seed 2" in fuzz(2)[0][1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "0"], "fuzzing needs a budget: --time must be more than 0, not 0"),
        (["--count", "0"], "fuzzing needs a budget: --count must be more than 0, not 0"),
        (["--count", "-3", "--time", "1"], "--count must be more than 0, not -3"),
        (["--time", "nan"], "--time must be more than 0, not nan"),
        (["--count", "1", "--backends", "pytroch"], "unknown backend 'pytroch'"),
        (["--count", "1", "--dtypes", "float23"], "unknown dtype 'float23'"),
        (["--count", "1", "--device", "tpu"], "unknown device 'tpu'"),
        (["--count", "1", "--device", "cuda", "--backends", "naive"], "no backend is available on device cuda"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(convbench, tmp_path, arguments, message):
    done = convbench("fuzz", *arguments)
    assert done.exit_code == EXIT_USAGE
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(convbench, plugins):
    done = convbench(
        "fuzz", "--count", 30, "--plugin", plugins / "last_tap.py", "--backends", "last-tap", "--output", "/proc/x"
    )
    assert done.exit_code == EXIT_USAGE
    assert "cannot write to the output folder /proc/x" in done.stderr


def test_a_backend_that_is_left_out_is_named(convbench):
    done = convbench("fuzz", "--count", 1, "--backends", "naive,numba-cuda")
    if "numba-cuda in" in done.stdout:
        pytest.skip("this machine simulates a GPU")
    assert done.exit_code == 0
    assert "left out: numba-cuda: " in done.stderr


def test_without_hypothesis_it_is_one_line(tmp_path):
    code = (
        "import sys; sys.modules['hypothesis'] = None;"
        "from convbench.cli.main import main; main(['fuzz', '--count', '1'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == EXIT_USAGE
    assert done.stderr.strip() == 'convbench: random cases need hypothesis: pip install "convbench[fuzz]"'


def test_a_budget_needs_only_one_of_both():
    assert Budget(count=3).time_s == float("inf")
    with pytest.raises(UsageError):
        Budget(time_s=-1)


def test_help_shows_examples(convbench):
    assert "  convbench fuzz" in convbench("fuzz", "--help").output


NARROW = """
from convbench_specs import Backend, Prepared, Unsupported, hookimpl
import numpy as np

class Narrow(Backend):
    name = "narrow"
    def prepare(self, case, tensors):
        if case.operation_name != 'flatten' or not ({condition}):
            return Unsupported("not this one")
        x, last = tensors.x, case.operation.order == "channels_last"
        return Prepared(forward=lambda: (np.moveaxis(x, 1, -1) if last else x).reshape(len(x), -1).copy())

@hookimpl
def convbench_backends():
    return [Narrow]
"""


def narrow(folder, condition):
    plugin = folder / "narrow.py"
    plugin.write_text(NARROW.format(condition=condition))
    return plugin


def test_a_narrow_backend_gets_as_many_cases_as_were_asked_for(convbench, tmp_path):
    plugin = narrow(tmp_path, "True")
    done = convbench("fuzz", "--count", 40, "--plugin", plugin, "--backends", "narrow")
    assert done.exit_code == 0, done.output
    assert "no disagreement: 40 cases on narrow" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("computed: ")]
    computed, drawn = re.fullmatch(r"computed: narrow (\d+) of (\d+) cases that were drawn", line).groups()
    assert (int(computed), int(drawn) > 40) == (40, True)


def test_a_backend_of_which_next_to_nothing_was_computed_is_not_called_right(convbench, tmp_path):
    plugin = narrow(tmp_path, "case.input_shape[0] == 7 and len(tensors.x) == 2")
    done = convbench("fuzz", "--count", 20, "--plugin", plugin, "--backends", "narrow,numpy-im2col")
    assert done.exit_code == EXIT_USAGE, done.output
    assert re.search(r"narrow computed \d of 20 random cases, too few to say that it is right; the first", done.stderr)
    assert "no disagreement" not in done.output


def test_cases_are_drawn_from_what_a_backend_declares(convbench, tmp_path):
    plugin = narrow(tmp_path, "True")
    text = plugin.read_text().replace("import Backend,", "import Backend, Supports,")
    declared = 'name = "narrow"\n    supports = Supports(operations=("flatten",))'
    plugin.write_text(text.replace('name = "narrow"', declared))
    done = convbench("fuzz", "--count", 15, "--plugin", plugin, "--backends", "narrow")
    assert done.exit_code == 0, done.output
    assert "computed: narrow 15 of 15 cases that were drawn" in done.stdout
