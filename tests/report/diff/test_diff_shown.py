"""A diff as people and programs read it: nothing is cut, JSON is strict, the exit code says what the verdict does."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from rich.console import Console
from stored_runs import Made

from convbench.cli.main import main
from convbench.report.diff.as_json import diff_json
from convbench.report.diff.markdown import diff_markdown
from convbench.report.diff.page import render_diff
from convbench.report.diff.terminal import print_diff
from convbench.results.diff import diff

BASE = Made(cases=("conv1", "<b>conv|2</b>", "pool1"))
WORSE = replace(
    BASE, seed=1, started="2026-11-21T12:00:00+00:00", wrong={("pool1", "left"): "dw"},
    factors={("conv1", "right"): 1.5},
)  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return diff(BASE.run("base"), WORSE.run("new"))


def refuse(constant):
    raise AssertionError(constant)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_shows_the_worst_first_and_no_line_is_too_long(found, width):
    text = io.StringIO()
    print_diff(found, Console(file=text, width=width, markup=False, emoji=False))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert text.getvalue().index("right to wrong: left, pool1") < text.getvalue().index("verdict")
    assert "dw is wrong" in " ".join(text.getvalue().split())


def test_json_is_strict_and_whole(found):
    table = json.loads(diff_json(found), parse_constant=refuse)
    assert (table["verdict"], table["failed"], len(table["cells"])) == ("regressed", True, len(found.cells))
    assert {each["kind"] for each in table["failures"]} == {"right to wrong", "slower"}


def test_names_are_no_markup(found):
    assert "<b>" not in render_diff(found)
    assert "<b>" not in diff_markdown(found)
    assert "<script" not in render_diff(found)


def test_the_command_exits_by_the_verdict_and_writes_a_page(tmp_path):
    for name, made in (("base", BASE), ("worse", WORSE), ("same", replace(WORSE, wrong={}, factors={}))):
        made.store(tmp_path / name)
    base, worse, same, page = (str(tmp_path / name) for name in ("base", "worse", "same", "page.html"))
    regressed = CliRunner().invoke(main, ["diff", base, worse, "--output", page])
    assert regressed.exit_code == 1
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert CliRunner().invoke(main, ["diff", base, same, "--format", "json"]).exit_code == 0
    for arguments in ([base, base], [base, "--left", "left"], [base, same, "--thresholds", page]):
        refused = CliRunner().invoke(main, ["diff", *arguments])
        assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
