"""A whole training, with a right backend and one that becomes wrong after a while: what is concluded and kept."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console
from small_training import SMALL

from convbench import load_training, train
from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WRONG
from convbench.cli.main import main
from convbench.errors import RunError, UsageError
from convbench.report.training.terminal import print_training
from convbench.results.training.header import HEADER
from convbench.results.training.journal import JOURNAL

PLUGIN = str(Path(__file__).parents[1] / "plugins" / "forgetful.py")
DIGITS = SMALL.replace("dense = [7, 3]", "dense = [10]").replace("batch_size = 6", "batch_size = 24")
EPOCH, STEPS = 59, 118
"""Steps of an epoch, and of all two."""
KILLED_EPOCHS = 12
LATE_STEP = 21
"""The step in which the backend late-error begins to be wrong."""


def network_file(folder):
    path = folder / "small.toml"
    path.write_text(DIGITS)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    return train(
        network_file(folder),
        backends=["right", "late-error", "dies"],
        plugins=[PLUGIN],
        moved_runs=1,
        threads=1,
        within_s=500,
        output=folder / "out",
    )


def test_a_right_backend_agrees_to_the_step_of_the_bound_and_learns_the_same(trained):
    right, reference = trained.entrant("right"), trained.entrant(trained.reference)
    assert right.agreement == reference.agreement == "agrees"
    assert right.agrees_until == trained.bound.step
    np.testing.assert_allclose(right.losses, reference.losses, rtol=1e-12)
    assert right.accuracy == reference.accuracy


def test_a_fault_that_begins_late_is_named_with_its_step_layer_and_tensor(trained):
    late = trained.entrant("late-error")
    assert late.agreement == "disagrees"
    assert (late.deviation.step, late.deviation.layer, late.deviation.tensor) == (LATE_STEP, "conv2", "dw")
    assert late.agrees_until < LATE_STEP
    assert not trained.is_right


def test_a_process_that_ends_takes_its_entrant_with_it_and_nobody_else(trained):
    dies = trained.entrant("dies")
    assert dies.status == "crashed"
    assert "SIGKILL" in dies.reason
    assert dies.steps < LATE_STEP
    assert dies.epochs == ()


def test_the_training_on_disk_is_the_one_that_was_returned(trained):
    loaded = load_training(trained.folder)
    for one, other in zip(loaded.entrants, trained.entrants, strict=True):
        np.testing.assert_array_equal(one.losses, other.losses)
        assert (one.epochs, one.deviation, one.status) == (other.epochs, other.deviation, other.status)


def test_the_table_has_a_row_for_each_step_and_each_epoch(trained):
    table = pd.read_csv(trained.folder / "training.csv")
    for entrant in trained.entrants:
        own = table[table["backend"] == entrant.name]
        if entrant.name == "dies":
            assert set(own["status"]) <= {"crashed"}
            continue
        assert len(own[own["row"] == "step"]) == entrant.steps == STEPS
        assert list(own[own["row"] == "epoch"]["epoch"]) == [1, 2]
        np.testing.assert_allclose(own[own["row"] == "step"]["loss"], entrant.losses)
        assert own[own["row"] == "epoch"]["accuracy"].iloc[-1] == entrant.accuracy


def test_what_was_learned_is_kept_as_arrays(trained):
    for entrant in trained.entrants[:-1]:
        assert entrant.filters.shape == (4, 1, 3, 3)
        assert entrant.feature_maps.shape == (4, 8, 8)
        assert len(entrant.predictions) == trained.header.data.test_images
    first, *wrong = trained.shown
    assert first.pixels.shape == (1, 8, 8)
    reference = trained.entrant(trained.reference)
    assert all(reference.predictions[image.index] != image.label for image in wrong)


def test_the_band_of_moved_runs_holds_the_loss_of_the_reference(trained):
    low, high = trained.band()
    losses = trained.entrant(trained.reference).losses
    assert (low <= losses).all()
    assert (losses <= high).all()
    assert (low < high).any()


def test_the_terminal_names_the_fault_and_the_page_is_written(trained):
    console = Console(width=80, record=True, markup=False)
    print_training(trained, console)
    shown = console.export_text()
    assert f"late-error is wrong from step {LATE_STEP}, layer conv2, tensor dw on" in shown
    assert max(len(line) for line in shown.splitlines()[1:5]) <= 80
    assert (trained.folder / "training.html").exists()


def test_a_finished_training_is_shown_again_and_a_wrong_backend_makes_exit_code_1(trained):
    done = CliRunner().invoke(main, ["train", "--resume", str(trained.folder)])
    assert done.exit_code == EXIT_WRONG
    assert "is finished: nothing is trained" in done.output
    assert "disagrees" in done.output or "is wrong from step" in done.output


def test_report_writes_the_files_of_a_training_again(trained, tmp_path):
    done = CliRunner().invoke(main, ["report", str(trained.folder), "--output", str(tmp_path / "again")])
    assert done.exit_code == 0
    assert "late-error is wrong" in done.output
    for name in ("training.csv", "training.html"):
        assert (tmp_path / "again" / name).read_bytes() == (trained.folder / name).read_bytes()


def test_ctrl_c_leaves_the_files_of_what_there_is_and_says_how_to_go_on(trained, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("convbench.training.train.carry_out", interrupt)
    done = CliRunner().invoke(
        main, ["train", str(network_file(tmp_path)), "--backends", "naive", "--output", str(tmp_path / "out")]
    )
    assert done.exit_code == EXIT_INTERRUPTED
    assert f"convbench train --resume {tmp_path / 'out'}" in done.output
    assert (tmp_path / "out" / "training.html").exists()


def cut_after_first_epoch(folder):
    """Make of a finished training what a kill in its second epoch leaves."""
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    second = next(number for number, line in enumerate(lines) if json.loads(line).get("epoch") == 2)
    (folder / JOURNAL).write_bytes(b"".join(lines[:second]) + lines[second][:20])


@pytest.mark.slow
def test_a_training_that_was_cut_short_goes_on_with_the_same_bits(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "cut")
    cut_after_first_epoch(tmp_path / "cut")
    assert load_training(tmp_path / "cut").interrupted
    resumed = train(resume=tmp_path / "cut", within_s=500)
    assert not resumed.interrupted
    for one, other in zip(resumed.entrants, trained.entrants, strict=True):
        np.testing.assert_array_equal(one.losses[:EPOCH], other.losses[:EPOCH])
        if one.name != "late-error":  # it counts its calls anew in another process
            np.testing.assert_array_equal(one.losses, other.losses)
            assert one.accuracy == other.accuracy


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no_such_network"], "unknown workload 'no_such_network'"),
        (["quick"], "training: is missing"),
        (["digits_cnn", "--data", "nowhere"], "there is no such file or folder"),
        (["digits_cnn", "--backends", "nobody"], "unknown backend 'nobody'"),
        (["digits_cnn", "--reference", "nobody"], "unknown reference 'nobody'"),
        (["digits_cnn", "--dtype", "float16"], "float64 or float32"),
        (["digits_cnn", "--batch-size", "5000"], "fewer than a batch of 5,000"),
        (["digits_cnn", "--epochs", "0"], "epochs must be a whole number"),
        (["digits_cnn", "--optimizer", "adam"], "optimizer"),
        (["digits_cnn", "--learning-rate", "nan"], "learning rate must be a finite number"),
        (["digits_cnn", "--within", "0"], "within must be more than 0"),
        (["--resume", "nowhere"], "holds no training"),
        (["--resume", "nowhere", "--output", "there"], "leave out --output"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_told_in_a_line_and_nothing_runs(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["train", *arguments])
    assert done.exit_code == EXIT_USAGE
    assert told in done.output
    assert len(done.output.splitlines()) <= 2
    assert not (tmp_path / "results").exists()


def test_a_folder_that_holds_a_training_is_not_written_again(trained):
    with pytest.raises(UsageError, match="holds a training already"):
        train(network_file(trained.folder.parent), backends=["right"], plugins=[PLUGIN], output=trained.folder)


def test_damage_is_found(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "damaged")
    journal = tmp_path / "damaged" / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"accuracy": 0', b'"accuracy": 1', 1))
    with pytest.raises(RunError, match="is damaged at line"):
        load_training(tmp_path / "damaged")
    (tmp_path / "damaged" / HEADER).write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        load_training(tmp_path / "damaged")


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path):
    command = [
        sys.executable, "-m", "convbench", "train", network_file(tmp_path), "--backends", "right", "--plugin", PLUGIN,
        "--epochs", str(KILLED_EPOCHS), "--moved-runs", "0", "--threads", "1", "--within", "500",
        "--output", tmp_path / "out",
    ]  # fmt: skip
    running = subprocess.Popen(list(map(str, command)), env=os.environ, stderr=subprocess.DEVNULL)
    journal, deadline = tmp_path / "out" / JOURNAL, time.monotonic() + 120
    while not (journal.exists() and b'"epoch": 2' in journal.read_bytes()):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    killed = load_training(tmp_path / "out")
    assert killed.interrupted
    done = train(resume=tmp_path / "out")
    assert not done.interrupted
    assert done.is_right
    for entrant in done.entrants:
        assert [epoch.number for epoch in entrant.epochs] == list(range(1, KILLED_EPOCHS + 1))
        assert len(entrant.losses) == KILLED_EPOCHS * EPOCH
        np.testing.assert_array_equal(entrant.losses[:EPOCH], killed.entrant(entrant.name).losses[:EPOCH])
