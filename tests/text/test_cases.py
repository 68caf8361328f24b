"""A case in one line comes back as it was, without what is the default, and what does not parse is one line and 2."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.cli.exit_codes import EXIT_USAGE, EXIT_WRONG
from convbench.cli.main import main
from convbench.errors import UsageError
from convbench.machine.facts import usable_cores
from convbench.plan.settings import RunSettings
from convbench.run.checking.reproduce import Asked, check_command
from convbench.testing.random_cases import cases
from convbench.text.cases import case_text, case_toml, parse_case
from convbench_specs import DTYPES, Case, Conv, Flatten, Pool, load_workload, parse_workload, shipped_workloads

CONV = 'operation = "conv", input = [3, 8, 8], out_channels = 4, kernel_size = 3'
CORES = len(usable_cores())


@settings(max_examples=300, deadline=None)
@given(case=cases(tuple(DTYPES)), name=st.text(min_size=1, max_size=200).filter(str.isprintable))
def test_any_case_comes_back(case, name):
    case = replace(case, name=name)
    assert parse_case(case_text(case)) == case
    assert parse_workload(case_toml(case), name="w", origin="w").cases == (case,)


@pytest.mark.parametrize("name", shipped_workloads())
def test_every_shipped_case_comes_back(name):
    for case in load_workload(name).cases:
        assert parse_case(case_text(case)) == case


@pytest.mark.parametrize(
    ("operation", "shape", "text"),
    [
        (Conv(in_channels=3, out_channels=4, kernel_size=(3, 3)), (3, 8, 8), CONV),
        (
            Conv(in_channels=2, out_channels=2, kernel_size=(3, 1), padding=((1, 1), (0, 2))),
            (2, 5, 5),
            'operation = "conv", input = [2, 5, 5], out_channels = 2, kernel_size = [3, 1], padding = [1, [0, 2]]',
        ),
        (
            Conv(in_channels=1, out_channels=1, kernel_size=(2, 2), padding=((1, 2), (1, 2))),
            (1, 5, 5),
            'operation = "conv", input = [1, 5, 5], out_channels = 1, kernel_size = 2, padding = [[1, 2], [1, 2]]',
        ),
        (
            Pool(kind="max", kernel_size=(2, 2)),
            (3, 3, 3),
            'operation = "pool", input = [3, 3, 3], kind = "max", kernel_size = 2',
        ),
        (
            Pool(kind="average", kernel_size="global"),
            (3, 9),
            'operation = "pool", input = [3, 9], kind = "average", kernel_size = "global"',
        ),
        (Flatten(), (3, 9), 'operation = "flatten", input = [3, 9]'),
    ],
)
def test_defaults_and_repetitions_are_left_out(operation, shape, text):
    name = f"{type(operation).__name__.lower()}1"
    assert case_text(Case(name=name, operation=operation, input_shape=shape)) == text


def test_braces_around_it_are_allowed():
    assert parse_case(f"{{ {CONV} }}") == parse_case(CONV)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "operation: is missing; it is one of conv, pool, flatten"),
        ("operation = conv", "not an inline TOML table"),
        ('operation = "conv"\ninput = [1, 2]', "not an inline TOML table"),
        ('operation = "flatten", input = [1, 2]}\nother = {', "must be one case"),
        ('operation = "conv", input = [3, 8, 8], kernel_size = 3', "out_channels: is missing"),
        (f"{CONV}, colour = 1", "colour: unknown key"),
        (f"{CONV}, dilation = 9", "kernel_size: is larger than the padded input"),
    ],
)
def test_what_is_no_case_is_one_line_and_exits_with_2(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^--case: ") as raised:
        parse_case(text)
    assert message in str(raised.value)
    done = CliRunner().invoke(main, ["check", "--case", text])
    assert done.exit_code == EXIT_USAGE
    assert len(done.output.strip().splitlines()) == 1
    assert message in done.output
    assert not list(tmp_path.iterdir())


def test_a_case_takes_the_place_of_workloads():
    done = CliRunner().invoke(main, ["check", "quick", "--case", CONV])
    assert done.exit_code == EXIT_USAGE
    assert "--case takes the place of workloads" in done.output


def test_the_command_that_a_wrong_cell_shows_finds_it_wrong_again(tmp_path, monkeypatch, plugins):
    monkeypatch.chdir(tmp_path)
    plugin = str(plugins / "last_tap.py")
    arguments = ["--plugin", plugin, "--backends", "last-tap", "--batch-sizes", "2", "--seed", "5"]
    first = CliRunner().invoke(main, ["check", "quick", "--cases", "conv1", *arguments, "--output", "first"])
    assert first.exit_code == EXIT_WRONG
    (line,) = [line for line in first.output.splitlines() if "again: " in line]
    _, command = line.split("again: ")
    assert "--seed 5" in command
    again = CliRunner().invoke(main, [*shlex.split(command)[1:], "--output", "again"])
    assert again.exit_code == EXIT_WRONG
    said = [next(line for line in done.output.splitlines() if line.startswith("wrong: ")) for done in (first, again)]
    assert said[0] == said[1]


def test_a_batch_of_nothing_can_be_checked_but_not_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--case", CONV, "--backends", "numpy-im2col", "--batch-sizes", "0", "--output", "run"]
    assert CliRunner().invoke(main, ["check", *arguments]).exit_code == 0
    assert CliRunner().invoke(main, ["compare", *arguments]).exit_code == EXIT_USAGE


def test_a_command_names_the_threads_and_what_differs_from_the_default():
    case = parse_case(CONV)
    assert (
        check_command(case, 1, Asked(names=("a",)), RunSettings(threads=1))
        == f"convbench check --case '{CONV}' --backends a --batch-sizes 1 --seed 0 --threads 1"
    )
    who = Asked(("a", "b"), ("old=a:threads=1@/envs/old/bin/python",), ("mine", "/there/file.py"))
    asked = RunSettings(seed=1, threads=CORES + 1, device="cuda")
    command = check_command("w.toml", 2, who, asked)
    longest = "convbench check w.toml --backends a,b --entrant old=a:threads=1@/envs/old/bin/python --batch-sizes 2"
    rest = f"--seed 1 --threads {CORES + 1} --device cuda --plugin mine --plugin /there/file.py"
    assert command == f"{longest} {rest}"
