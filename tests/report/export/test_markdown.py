"""Markdown shows medians, ratios, and every fault; names cannot break its tables."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixed_run import ABSENT, AGAIN, BATCH_SIZES, CASES, HOSTILE, PASSES, REASON, WARNING, WRONG

from convbench.report.export import export
from convbench.report.export.markdown import ALARM, escape
from convbench.text.units import format_seconds, format_seconds_range


def tables(text):
    """Each table as a list of rows, cells as a reader sees them."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    return [[[read(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block] for block in blocks]


def read(cell):
    return html.unescape(re.sub(r"\\([\\`*_\[\]|~#])", r"\1", cell))


def rows_of(table):
    heads, _, *rows = table
    return [dict(zip(heads, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def text(run):
    return export(run, "markdown")


def test_it_begins_with_the_answer(text):
    assert text.startswith(
        f"## convbench: w\n\n{ALARM} 2 of 3 backends are right; {WRONG} is wrong; dies failed in 8 cells."
    )


def test_every_row_has_as_many_cells_as_the_head(text):
    assert tables(text)
    assert all(len(row) == len(table[0]) for table in tables(text) for row in table)


def test_times_are_the_stored_ones(text, run):
    _, largest, others = tables(text)
    best = run.measurements[run.measurements["backend"] == "steady"].set_index(["case", "batch_size", "pass"])
    rows = rows_of(largest) + rows_of(others)
    assert len(rows) == len(best) == len(CASES) * len(BATCH_SIZES) * len(PASSES)
    for row in rows:
        cell = best.loc[(row["case"], int(row["batch"]), row["pass"])]
        assert row["fastest"] == format_seconds(cell["median_s"])
        assert row["95 % interval"] == format_seconds_range(cell["ci_low_s"], cell["ci_high_s"])


def test_a_wrong_cell_shows_that_and_no_number(text):
    for row in (row for table in tables(text)[1:] for row in rows_of(table)):
        assert row[WRONG] == f"{ALARM} **wrong**"
        assert row["unproven"] == "untrusted"
        assert row["steady"] == "**1.00**"


def test_faults_are_said_with_the_command_that_shows_them(text):
    assert f"{ALARM} **{WRONG}, wrong**, 8 cells" in text
    assert f"{ALARM} **dies, crashed**, 8 cells" in text
    assert escape(REASON) in text
    assert AGAIN in text
    assert text.index(AGAIN) < text.index("Time of one call")


def test_nothing_is_left_out_in_silence(text):
    assert f"- {ABSENT}, unsupported, 8 cells: only &lt;one&gt; axis" in text


def test_an_entrant_says_what_it_is(text):
    rows = {row["backend"]: row["what it is"] for row in rows_of(tables(text)[0])}
    assert rows["slow"] == "steady in /envs/old_1"
    assert rows["steady"] == ""


def test_warnings_are_counted_and_folded(text):
    count, listed = re.search(
        r"<details><summary>Warnings: (\d+)</summary>\n\n(.*?)\n\n</details>", text, re.DOTALL
    ).groups()
    warnings = [read(line.removeprefix("- ")) for line in listed.splitlines()]
    assert (len(warnings), warnings[0]) == (int(count), WARNING)


def test_the_summary_of_a_run_without_times_has_no_table_of_times(untimed):
    text = export(untimed, "markdown")
    assert "Time of one call" not in text
    assert f"**{WRONG}, wrong**" in text


def test_it_is_short(text):
    folded = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert len(folded.splitlines()) < len(CASES) * len(PASSES) + 50


@given(st.text(alphabet=st.sampled_from(HOSTILE + "*[]é\n"), min_size=1))
def test_what_is_escaped_reads_as_it_was(name):
    assert read(escape(name)) == " ".join(name.split())
    assert "<" not in escape(name)
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", escape(name))
