"""Of a backend that is right in part, every wrong tensor is named, and what it fails on, wherever a reader looks."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from click.testing import CliRunner
from paths import PLUGINS

from convbench.cli.exit_codes import EXIT_WRONG
from convbench.cli.main import main
from convbench.report.export import export
from convbench.results.loading import load_run

CASE = 'name = "pointwise", operation = "conv", input = [2, 4, 4], out_channels = 3, kernel_size = 1'


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """The folder of a check, and what it printed."""
    folder = tmp_path_factory.mktemp("half_right") / "run"
    arguments = [
        "check", "--case", CASE, "--plugin", PLUGINS / "half_right.py", "--backends", "two-wrong,ends-in-backward",
        "--batch-sizes", "2", "--data", "none", "--output", folder,
    ]  # fmt: skip
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == EXIT_WRONG, done.output
    return folder, " ".join(done.stdout.split())


def test_every_wrong_tensor_is_named_in_terminal_csv_and_page(checked):
    folder, output = checked
    cells = pd.read_csv(folder / "measurements.csv").set_index(["backend", "pass"])
    page = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    for pass_name in ("backward", "both"):
        reason = cells.loc[("two-wrong", pass_name), "reason"]
        assert re.fullmatch(r"dx: \d+ of 64 elements off; .*; also dw: 6 of 6 elements off; .*", reason)
        assert "db" not in reason
    assert reason in output
    rows = pd.read_csv(folder / "agreement.csv")
    off = rows[(rows["verdict"] == "disagrees") & (rows["right"] == "oracle")]
    assert set(off["tensor"]) == {"dx", "dw"}
    assert all(text in page for text in set(off["description"]))


def test_a_backend_that_crashes_is_right_where_it_ran_and_it_is_told_where_not(checked):
    folder, output = checked
    assert "ends-in-backward right where it ran, fails on 2 cells" in output
    assert "crashed: ends-in-backward, pointwise backward batch 2" in output
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ">right</span> where it ran, fails on 2 cells" in page
    assert "right where it ran, fails on 2 cells" in export(load_run(folder), "markdown")
