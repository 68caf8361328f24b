"""The largest batch of a whole network, searched in a real worker, and shown wherever results are."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import convbench
from convbench.report.terminal import print_run

LIMIT = 150_000_000
NETWORK = """
network = true

[[cases]]
name = "conv"
operation = "conv"
input = [3, 40, 40]
out_channels = 4
kernel_size = 3
padding = 1
count = 2

[[cases]]
name = "pool"
operation = "pool"
kind = "max"
input = [4, 40, 40]
kernel_size = 2
"""
X, Y, POOLED = (4 * size for size in (3 * 40 * 40, 4 * 40 * 40, 4 * 20 * 20))
"""Bytes of one instance: the input, what each of the two convolutions gives, and what the pool gives."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.toml").write_text(NETWORK)
    return convbench.compare(
        folder / "tiny.toml",
        backends=["naive", "numpy-im2col"],
        threads=1,
        batch_sizes=[1],
        blocks=1,
        rounds=1,
        budget_s=0.02,
        memory=False,
        find_largest_batch=True,
        memory_limit_bytes=LIMIT,
        search_s=20,
        output=folder / "run",
    )


def row_of(run, backend, pass_name):
    frame = run.largest_batches
    (row,) = frame[(frame["backend"] == backend) & (frame["pass"] == pass_name)].to_dict("records")
    return row


@pytest.mark.parametrize("pass_name", ["forward", "both"])
def test_the_limit_is_nearly_used_by_all_layers_together(run, pass_name):
    row = row_of(run, "numpy-im2col", pass_name)
    assert (row["case"], row["status"]) == ("", "ok")
    assert 0.9 * LIMIT < row["peak_bytes"] <= LIMIT
    assert row["largest_batch_size"] < row["too_large"] <= 1.02 * row["largest_batch_size"] + 1


def test_an_instance_in_training_takes_what_every_layer_keeps(run):
    inference, training = (row_of(run, "numpy-im2col", name)["bytes_an_instance"] for name in ("forward", "both"))
    assert training >= 0.98 * (X + 2 * Y + POOLED), "the least that its layers keep"
    assert 0.98 * (X + Y) <= inference < training


def test_a_backend_that_lacks_a_layer_is_not_searched_and_says_which(run):
    row = row_of(run, "naive", "both")
    assert row["status"] == "skipped"
    assert row["reason"] == "not computed in this run: conv"


def test_terminal_page_and_file_name_the_network(run):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_run(run, console=console)
    text = console.file.getvalue()
    assert "tiny as a whole inference" in text
    assert "tiny as a whole training" in text
    assert "tiny as a whole" in (run.folder / "report.html").read_text()
    read = convbench.read_csv(run.folder / "largest_batches.csv")
    assert set(read["case"]) == {""}
