"""Figures have the colours and markers of the page, and text in them can be read."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from convbench.report.export.figures.palette import (
    COLOURS,
    CROSS,
    LEAST_CONTRAST,
    MARKERS,
    contrast_on_white,
    text_colour,
    unit_path,
)
from convbench.report.views.slots import SLOTS

TEMPLATES = resources.files("convbench.report") / "templates"


def test_the_colours_are_those_of_the_page():
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    light = css[: css.index("prefers-color-scheme: dark")]
    assert re.findall(r"--c\d: (#\w{6})", light) == list(COLOURS)
    assert len(COLOURS) == len(MARKERS) == SLOTS


def test_the_markers_are_those_of_the_page():
    symbols = re.findall(r'<symbol id="m(\d)".*?<(\w+) (.*?)/>', (TEMPLATES / "markers.html.j2").read_text("utf-8"))
    paths = {int(slot): re.search(r'd="(.*?)"', body)[1] for slot, kind, body in symbols if kind == "path"}
    assert len(symbols) == SLOTS
    assert len(paths) == SLOTS - 3, "a circle and two rectangles are no paths"
    assert {slot: MARKERS[slot] for slot in paths} == paths


def test_no_two_series_have_the_same_marker_so_that_nobody_needs_the_colours():
    assert len({*MARKERS, CROSS}) == SLOTS + 1


@pytest.mark.parametrize("slot", range(SLOTS))
def test_a_text_in_a_series_colour_has_the_contrast_of_text(slot):
    assert contrast_on_white(text_colour(slot)) >= LEAST_CONTRAST


def test_the_contrast_is_that_of_the_guidelines():
    assert contrast_on_white("#000000") == pytest.approx(21)
    assert contrast_on_white("#ffffff") == pytest.approx(1)
    assert contrast_on_white("#767676") == pytest.approx(4.54, abs=0.005)  # the lightest grey that passes


@pytest.mark.parametrize("marker", [*MARKERS, CROSS])
def test_a_marker_is_scaled_as_a_whole_and_fills_its_box(marker):
    numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", unit_path(marker).replace("0 1 1", ""))]
    assert max(map(abs, numbers)) <= 1.9, "relative steps may be longer than the box is wide to one side"
    assert max(map(abs, numbers)) > 0.6
