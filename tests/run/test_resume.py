"""A run that was cut short goes on: nothing that was finished is lost or made twice, and nothing else is mixed in."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from finished_parts import lost_or_made_twice, whole_lines
from paths import RUNS

import convbench
from convbench.cli.main import main
from convbench.errors import RunError, UsageError
from convbench.results.events.header import HEADER, read_header
from convbench.results.events.journal import JOURNAL, Journal, read_events
from convbench.results.events.schema import SCHEMA_VERSION

WORKLOAD = """
[[cases]]
name = "conv"
operation = "conv"
input = [1, 5, 5]
out_channels = 2
kernel_size = 3

[[cases]]
name = "flatten"
operation = "flatten"
input = [2, 3]
"""
SETTINGS = {
    "backends": ["numpy-im2col", "naive"],
    "batch_sizes": [1, 2],
    "blocks": 2,
    "rounds": 2,
    "sample_s": 1e-4,
}


@pytest.fixture(scope="module")
def workload(tmp_path_factory):
    """A file with two small cases."""
    path = tmp_path_factory.mktemp("workloads") / "small.toml"
    path.write_text(WORKLOAD)
    return str(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, workload):
    """A small run that came to its end."""
    return convbench.compare(workload, **SETTINGS, output=tmp_path_factory.mktemp("runs") / "whole").folder


@pytest.fixture
def cut(finished, tmp_path):
    """A function that copies the run and cuts its journal after so many lines, in the middle of the next."""

    def cut_after(lines):
        folder = tmp_path / f"cut-{lines}"
        shutil.copytree(finished, folder)
        journal = (finished / JOURNAL).read_text().splitlines(keepends=True)
        (folder / JOURNAL).write_text("".join(journal[:lines]) + journal[lines][: len(journal[lines]) // 2])
        return folder

    return cut_after


@pytest.mark.parametrize("share", [0.02, 0.7, *(pytest.param(at, marks=pytest.mark.slow) for at in (0.2, 0.4, 0.97))])
def test_wherever_a_run_was_cut_it_ends_whole_and_nothing_finished_is_lost_or_made_twice(finished, cut, share):
    total = len((finished / JOURNAL).read_text().splitlines())
    folder = cut(int(share * total))
    before = whole_lines(folder)
    run = convbench.compare(resume=folder)
    whole = convbench.load_run(finished)
    assert not run.interrupted
    assert set(run.measurements["status"]) == {"ok"}
    assert set(run.cells) == set(whole.cells)
    turns = ["case", "batch_size", "backend", "pass", "block", "round"]  # some are taken again where others disturb
    assert set(run.samples[turns].itertuples(index=False)) == set(whole.samples[turns].itertuples(index=False))
    assert (run.folder / "report.html").is_file()
    assert lost_or_made_twice(before, whole_lines(folder)) == []


def test_what_is_dropped_is_told(cut, finished):
    lines = [json.loads(line)["event"] for line in (finished / JOURNAL).read_text().splitlines()]
    in_a_block = next(number for number, name in enumerate(lines) if name == "sample") + 3
    run = convbench.compare(resume=cut(in_a_block))
    (resumed,) = run.resumed
    assert (resumed.block, resumed.dropped_samples) == (0, 3)
    assert "The run was cut short and went on" in (run.folder / "report.html").read_text()


def test_a_check_goes_on_too(tmp_path, workload):
    chosen = {name: SETTINGS[name] for name in ("backends", "batch_sizes")}
    whole = convbench.check(workload, **chosen, output=tmp_path / "whole")
    journal = (whole.folder / JOURNAL).read_text().splitlines(keepends=True)
    (whole.folder / JOURNAL).write_text("".join(journal[: len(journal) // 2]))
    run = convbench.check(resume=whole.folder)
    assert run.is_right
    assert set(run.cells) == set(whole.cells)
    assert run.samples.empty


def resealed(folder, header):
    """The same events under another header, as if that had been written at first."""
    events = list(read_events(folder))
    shutil.rmtree(folder)
    with Journal.begin(folder, {name: value for name, value in header.items() if name != "schema"}) as journal:
        for event in events:
            journal.write(event)


def unchanged(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"settings": {"seed": 7}}, "setting seed was 7, is 0"),
        ({"packages": {"numpy": "1.0"}}, "package numpy was 1.0, is "),
        ({"machine": {"processor": "another"}}, "machine's processor was another, is "),
    ],
)
def test_a_run_of_another_machine_package_or_setting_is_refused_in_one_line(cut, change, reason):
    folder = cut(20)
    header = dict(read_header(folder))
    if "settings" in change:
        with pytest.raises(UsageError, match="setting seed was 0, is 7"):
            convbench.compare(resume=folder, seed=7)
        return
    for section, values in change.items():
        header[section] |= values
    resealed(folder, header)
    before = unchanged(folder)
    done = CliRunner().invoke(main, ["compare", "--resume", str(folder)])
    assert done.exit_code == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert unchanged(folder) == before


def test_a_workload_that_has_changed_is_refused(tmp_path):
    workload = tmp_path / "mine.toml"
    text = '[[cases]]\nname = "f"\noperation = "flatten"\ninput = [2, 3]\n'
    workload.write_text(text)
    run = convbench.check(str(workload), backends=["numpy-im2col"], batch_sizes=[1], output=tmp_path / "run")
    journal = (run.folder / JOURNAL).read_text().splitlines(keepends=True)
    (run.folder / JOURNAL).write_text("".join(journal[:5]))
    workload.write_text(text.replace("[2, 3]", "[2, 4]"))
    with pytest.raises(UsageError, match="workload mine has changed"):
        convbench.check(resume=run.folder)


def test_a_finished_run_says_so_and_nothing_is_measured(finished):
    before = (finished / JOURNAL).read_bytes()
    done = CliRunner().invoke(main, ["compare", "--resume", str(finished)])
    assert done.exit_code == 0
    assert "is already finished: nothing more is measured" in done.stderr
    assert (finished / JOURNAL).read_bytes() == before


def test_a_run_that_was_killed_while_it_wrote_its_files_gets_them(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / "report.html").unlink()
    done = CliRunner().invoke(main, ["compare", "--resume", str(folder)])
    assert done.exit_code == 0
    assert (folder / "report.html").is_file()
    assert (folder / JOURNAL).read_bytes() == (finished / JOURNAL).read_bytes()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder.mkdir(), "is not the folder of a run"),
        (
            lambda folder: (folder.mkdir(), (folder / HEADER).write_text(json.dumps({"schema": SCHEMA_VERSION + 1}))),
            "upgrade convbench",
        ),
        (lambda folder: shutil.copytree(RUNS / "schema_1", folder), "made by an older convbench"),
    ],
    ids=["no run", "newer schema", "older schema"],
)
def test_what_is_no_run_to_go_on_with_is_refused_and_left_alone(tmp_path, make, reason):
    folder = tmp_path / "run"
    make(folder)
    before = unchanged(folder)
    done = CliRunner().invoke(main, ["compare", "--resume", str(folder)])
    assert done.exit_code == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert unchanged(folder) == before


def test_what_is_said_by_the_run_that_goes_on_cannot_be_named_anew(tmp_path):
    with pytest.raises(RunError, match="is not the folder of a run"):
        convbench.compare(resume=tmp_path)
    with pytest.raises(UsageError, match="leave out --output"):
        convbench.compare(resume=tmp_path, output=tmp_path / "other")
    with pytest.raises(UsageError, match="keeps the name that the machine had: leave out --machine"):
        convbench.compare(resume=tmp_path, machine="another")


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_by_the_command(tmp_path):
    folder = tmp_path / "run"
    options = ["--backends", "numpy-im2col", "--batch-sizes", "1", "--cases", "conv1,flatten", "--blocks", "2"]
    command = [sys.executable, "-m", "convbench", "compare", "quick", *options, "--output", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        (folder / JOURNAL).is_file() and '"event": "sample"' in (folder / JOURNAL).read_text()
    ):
        assert process.poll() is None
        time.sleep(0.01)  # until it has begun to time
    process.send_signal(signal.SIGKILL)
    process.wait()
    resume = [sys.executable, "-m", "convbench", "compare", "--resume", str(folder)]
    done = subprocess.run(resume, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = convbench.load_run(folder)
    assert not run.interrupted
    assert len(run.resumed) == 1
