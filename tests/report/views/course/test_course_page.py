"""The section of the page from loops to a framework: it needs no script, and stands only where there is a story."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest
from course_run import CASES, course_cases, course_input, course_measurements, course_records
from fake_run import report_input
from shown_run import CASES as STORED_CASES
from shown_run import write_run

from convbench.report.files import report_input as input_of
from convbench.report.html import render_report
from convbench.report.views.cases import CaseKey

HOSTILE = "<b>conv|1</b>"


def section(shown) -> str:
    """The text of the section, empty where the page has none."""
    html = render_report(shown)
    found = re.search(r'<section id="course">.*?</section>', html, re.DOTALL)
    assert ('<a href="#course">' in html) == bool(found), "the navigation leads to it where it is"
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))) if found else ""


@pytest.fixture(scope="module")
def text():
    return section(course_input())


def test_the_answer_is_in_the_first_sentences(text):
    assert "On conv2 at batch size 8 loopy takes 160 ms a call, lib 160 µs : 1,000×" in text
    assert "That is 694 ns for each multiply-add of the definition, against 0.69 ns" in text


def test_the_matrix_and_the_product_are_those_of_the_case(text):
    assert "X_col of conv2 at batch size 8 has 72 rows" in text
    assert "57.6 kB , where x itself has 36.9 kB: 1.56× as much" in text
    assert "Y (8 × 1,152) = W (8 × 9) · X_col (9 × 1,152), at batch size 8" in text


def test_the_drawing_is_told_in_words_too():
    html = render_report(course_input())
    said = re.search(r'<svg class="plot drawing"[^>]*aria-label="([^"]*)"', html)[1]
    assert "the only channel" in said
    assert "the 3 x 3 elements of each channel in the first window are the first column" in said


def test_padding_is_told_where_there_is_some(text):
    assert "hatched ones are padding" in text
    bare = {
        key: replace(case, operation=replace(case.operation, padding="valid")) for key, case in course_cases().items()
    }
    assert "hatched" not in section(course_input(cases=bare))


def test_what_is_not_there_is_told():
    cells = course_measurements()
    said = section(course_input(measurements=cells[cells["backend"] != "whole"]))
    assert "Not in this run: im2col" in said
    assert "whole did not compute these cases right" in said


def test_many_cases_are_folded():
    cells = course_measurements()
    cells = cells[cells["case"] == "conv1"]
    names = [f"case{number}" for number in range(5)]
    shown = course_input(
        measurements=pd.concat([cells.assign(case=name) for name in names], ignore_index=True),
        cases={CaseKey("tiny", name, "float32"): replace(CASES["conv1"], name=name) for name in names},
    )
    assert "2 more cases that all of them computed" in section(shown)


def test_names_are_text():
    cells = course_measurements().replace({"case": {"conv1": HOSTILE}})
    cases = {CaseKey("tiny", HOSTILE, "float32"): CASES["conv1"], **course_cases()}
    assert "<b>conv|1" not in render_report(course_input(measurements=cells, cases=cases)).split("<script", 1)[0]


def test_a_run_without_the_story_has_no_section(tmp_path):
    assert section(report_input()) == ""
    assert section(course_input(backends=course_records(dict.fromkeys(("loopy", "whole"), "")))) == ""


def test_a_stored_run_knows_its_cases(tmp_path):
    cases = input_of(write_run(tmp_path / "run")).cases
    assert {key.case for key in cases} == set(STORED_CASES)
    assert all(key == CaseKey("two", case.name, case.dtype) for key, case in cases.items())
