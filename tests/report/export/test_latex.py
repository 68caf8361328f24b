"""The LaTeX is well-formed, shows the stored medians, and names what is wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixed_run import ABSENT, HOSTILE, RIGHT, WRONG
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from convbench.report.export import export
from convbench.report.export.latex import escape
from convbench.text.units import format_seconds


def parsed(text):
    """The nodes of a document; pylatexenc raises where braces or environments do not match."""
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    return nodes


def plain(text):
    return LatexNodes2Text().latex_to_text(text)


def rows(text):
    """The rows of all tabulars, each a list of cells as they are read."""
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]
    return [[plain(cell).strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))] for line in lines]


LETTERS = str.maketrans(
    {
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}": "^",
        "\N{SMALL TILDE}": "~",
        "\N{GREEK SMALL LETTER MU}": "\N{MICRO SIGN}",
    }
)
"""What LaTeX prints -> what was written."""


@pytest.fixture(scope="module")
def text(run):
    return export(run, "latex")


def test_it_is_well_formed(text, single, untimed):
    for each in (text, export(single, "latex"), export(untimed, "latex")):
        parsed(each)
    tables = [node for node in parsed(text) if isinstance(node, LatexEnvironmentNode)]
    assert [node.environmentname for node in tables] == ["table", "table"]
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 2
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:convbench-forward", "tab:convbench-backward"]


def test_medians_are_the_stored_ones(text, run):
    cells = run.measurements[run.measurements["backend"].isin(RIGHT)]
    shown = {cell.replace("\N{NO-BREAK SPACE}", " ").replace(",", "") for row in rows(text) for cell in row}
    shown = {re.sub(r"\s+", " ", cell).strip() for cell in shown}
    for median in cells["median_s"]:
        value, unit = format_seconds(median).split()
        assert {f"{value}{unit}", f"{value} {unit}"} & shown, (value, unit, shown)


def test_a_wrong_cell_says_so_and_has_no_time(text):
    assert text.count(r"\multicolumn{2}{c}{\emph{wrong}}") == 8
    assert f"{WRONG}, wrong in 4 cells" in text
    assert "dies, crashed in 4 cells" in text


def test_the_fastest_right_cell_alone_is_bold(text, run):
    bold = re.findall(r"\\textbf\{(.*?)\\,", text)
    fastest = run.measurements[run.measurements["backend"] == "steady"]["median_s"]
    assert sorted(bold) == sorted(format_seconds(value).split()[0] for value in fastest)


def test_the_caption_says_where_and_with_what(text):
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert all("a processor \\& more, 2 threads" in caption for caption in captions)
    assert all(r"slow 1.0 (steady in /envs/old\_1)" in caption for caption in captions)
    assert not any(ABSENT in caption for caption in captions), "only what the table shows"


def test_the_packages_that_it_needs_are_said(text):
    assert r"\usepackage{booktabs}" in text.splitlines()[1]


@given(st.text(alphabet=st.sampled_from(HOSTILE + "[]*é-×µ'?!,")))
def test_what_is_escaped_is_read_as_it_was(name):
    parsed(escape(name))
    assert not escape(name).startswith(("[", "*")), "which an end of line before it would take"
    assert plain(escape(name)).translate(LETTERS).split() == name.split()
