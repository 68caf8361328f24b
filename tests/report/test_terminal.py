"""On a terminal of any width the numbers, names and commands of a run are whole."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from convbench.cli.interrupted import print_interrupted
from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus, Status
from convbench.report.terminal import print_run
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    BackendFound,
    CellComputed,
    CellFailed,
    CellJudged,
    LargestBatchFound,
    SampleTaken,
    fields_of,
)
from convbench.results.loading import load_run

WIDTHS = (20, 40, 60, 80, 100, 120)
BACKENDS = ("naive", "numpy-im2col", "numba-cpu", "pytorch", "tensorflow", "jax", "a-backend-of-mine")
CASES = ("conv1", "a_layer_with_a_long_name_of_its_own")
AGAIN = "convbench check --case 'operation = \"flatten\", input = [2, 3]' --backends mine --batch-sizes 1 --threads 2"
HEADER = {
    "command": "convbench compare",
    "started": "2026-11-20T12:00:00+00:00",
    "settings": {"threads": 2, "device": "cpu", "batch_sizes": [2048], "seed": 0},
    "machine": {"processor": "a processor"},
    "packages": {},
    "workloads": [],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    with Journal.begin(folder, HEADER) as journal:
        for place, name in enumerate(BACKENDS):
            journal.write(BackendFound(name=name, status=BackendStatus.AVAILABLE, version="12.34.56+cpu"))
            for case in CASES:
                key = CellKey("w", case, "float32", 2048, name, "backward")
                _write_cell(journal, key, seconds=1.2345e-4 * 3**place)
        failed = CellKey("w", CASES[0], "float32", 2048, "jax", "forward")
        journal.write(CellFailed(**fields_of(failed), status=Status.CRASHED, reason="it died", reproduce=AGAIN))
    return load_run(folder)


def _write_cell(journal, key, *, seconds):
    journal.write(CellComputed(**fields_of(key), data="random", call_s=seconds))
    journal.write(CellJudged(**fields_of(key), data="random", own="agrees", verdict="agrees"))
    for number in range(3):
        journal.write(SampleTaken(**fields_of(key), block=0, round=number, loops=1, elapsed_s=seconds))
    journal.write(
        LargestBatchFound(
            workload=key.workload,
            case=key.case,
            dtype=key.dtype,
            backend=key.backend,
            pass_name=key.pass_name,
            status=Status.OK,
            reason="",
            largest_batch_size=123_456,
            limit_bytes=2 * 10**9,
            tries=3,
        )
    )


def printed(run, width, *, terminal=True):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_run(run, console=console)
    return console.file.getvalue()


def numbers(text):
    """The words of a text that begin with a digit: times, ratios, sizes, versions."""
    return {word for word in text.split() if word[0].isdigit()}


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_and_no_name_of_a_backend_is_cut(run, width):
    wide, narrow = printed(run, 1000), printed(run, width)
    assert numbers(wide) == numbers(narrow)
    assert numbers(wide) >= {"123,456", "1.00", "729", "12.34.56+cpu"}
    assert "…" not in narrow
    for name in BACKENDS:
        assert name in narrow


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_lines_fit_the_terminal(run, width):
    assert max(map(len, printed(run, width).splitlines())) <= max(width, len(str(run.folder)) + len("/report.html"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_command_that_shows_a_fault_again_can_be_copied(run, width):
    lines = printed(run, width).splitlines()
    begin = next(number for number, line in enumerate(lines) if "again:" in line)
    end = next(number for number in range(begin, len(lines)) if not lines[number].endswith(("\\", "again:")))
    copied = "\n".join([lines[begin].partition("again:")[2], *lines[begin + 1 : end + 1]])
    assert shlex.split(copied.replace("\\\n", "")) == shlex.split(AGAIN)


def test_a_log_has_the_command_on_one_line(run):
    assert f"again: {AGAIN}\n" in printed(run, 60, terminal=False)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_commands_after_ctrl_c_can_be_copied(capsys, width):
    folder = Path("/tmp/pytest-of-somebody/pytest-12/a folder with spaces/results/run-20261120-120000")
    print_interrupted("compare", folder, width)
    said = capsys.readouterr().err
    assert str(folder) in said
    joined = said.replace("\\\n", "")
    for words in (["convbench", "compare", "--resume", str(folder)], ["convbench", "report", str(folder)]):
        assert words in [shlex.split(line) for line in joined.splitlines()]
    commands = [line for line in said.splitlines() if line.startswith(("convbench", " "))]
    assert all(len(line) <= width or str(folder) in line for line in commands)
