"""A run is one line in a shell, an answer in a notebook, and ten columns for most people."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from shown_run import BATCH_SIZES, CASES, SECONDS, write_run

import convbench
from convbench.report.shown.short_table import COLUMNS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


def test_the_line_of_a_run_is_short_whatever_the_run_and_its_path_are(tmp_path):
    run = write_run(tmp_path / "/".join(["deep" * 10] * 8))
    assert len(repr(run)) < 300
    assert "\n" not in repr(run)
    assert repr(run).endswith("3 backends, 18 cells, interrupted>")


def test_a_loaded_run_is_one_that_shows_itself(run):
    assert isinstance(convbench.load_run(run.folder), convbench.Run)


def test_a_notebook_shows_the_answer_the_ranking_and_the_path(run):
    html = run._repr_html_()
    assert "2 of 3 backends are right; wrong-one is wrong." in html
    assert "Time of a call, forward, batch size 16." in html
    assert all(name in html for name in (*CASES, *SECONDS))
    assert str(run.folder / "report.html") in html
    assert 'class="wrong"' in html
    assert "<script" not in html
    assert "http" not in html.replace(str(run.folder), ""), "nothing is loaded"


def test_names_of_others_are_escaped(run):
    hostile = replace(run)
    hostile.__dict__["measurements"] = run.measurements.replace({"case": {"conv1": "<b>conv1"}})
    assert "<b>conv1" not in hostile._repr_html_()
    assert "&lt;b&gt;conv1" in hostile._repr_html_()


def test_the_summary_has_ten_columns_and_every_cell_the_fastest_first(run):
    assert tuple(run.summary.columns) == COLUMNS
    assert len(COLUMNS) == 10
    assert len(run.summary) == len(run.measurements) == len(CASES) * len(BATCH_SIZES) * len(SECONDS)
    first = run.summary.query("case == 'conv1' and batch_size == 1")
    assert first.backend.tolist() == ["steep", "flat", "wrong-one"]
    assert first.status.tolist() == ["ok", "ok", "wrong"]
    assert first.ratio.tolist()[0] == 1.0
    assert pd.isna(first.ratio.tolist()[2]), "what is wrong has no place"
    assert run.summary.query("case == 'conv1' and batch_size == 16").backend.tolist()[0] == "flat"


def test_the_summary_says_when_a_cell_is_not_proven(run):
    untrusted = replace(run)
    verdicts = run.measurements["verdict"].where(run.measurements["backend"] != "flat", "untrusted")
    untrusted.__dict__["measurements"] = run.measurements.assign(verdict=verdicts)
    assert set(untrusted.summary.query("backend == 'flat'").status) == {"untrusted"}


def test_every_column_of_the_summary_is_an_attribute(run):
    assert all(getattr(run.summary, name) is not None for name in COLUMNS)
    assert run.measurements.pass_name.equals(run.measurements["pass"].rename("pass_name"))


def test_the_style_has_units_the_fastest_in_bold_and_what_is_wrong_in_red(run):
    style = run.style()
    html = style.to_html()
    assert "× the fastest" in html
    assert "20.1 µs" in html or "19.5 µs" in html, "steep at batch size 1: 19.5 µs and what the samples add"
    assert "1.00 MB" in html
    marks = style._compute().ctx
    rows = {row: dict(found) for (row, column), found in marks.items() if column == 3 and found}
    by_row = run.summary.reset_index(drop=True)
    bold = {row for row, found in rows.items() if found.get("font-weight") == "bold" and "color" not in found}
    red = {row for row, found in rows.items() if "color" in found}
    assert bold == set(by_row.index[by_row.ratio.eq(1.0)])
    assert red == set(by_row.index[by_row.status.eq("wrong")])
