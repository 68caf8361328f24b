"""A figure opens as SVG, PDF and PNG; where it cannot be made, one line says what to install or to write."""

from __future__ import annotations

import json
import re
import sys
from xml.etree import ElementTree as ET

import pytest

from convbench.errors import UsageError
from convbench.report.export.figures import figure
from convbench.report.export.figures.figure import Figure

SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}
ONE = Figure("one point", SPEC)


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)


def test_svg_is_a_whole_document(tmp_path):
    root = ET.fromstring(ONE.save(tmp_path / "one.svg").read_bytes())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.get("width")) > 100
    assert not [node for node in root.iter() if "http" in str(node.get("href", ""))], "nothing is loaded"


def test_pdf_has_one_page_and_png_is_a_picture(tmp_path):
    pdf = ONE.save(tmp_path / "one.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert ONE.save(tmp_path / "one.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_json_is_what_was_drawn_so_that_it_can_be_changed(tmp_path, nothing_installed):
    assert json.loads(ONE.save(str(tmp_path / "one.json")).read_text()) == SPEC


def test_data_from_a_network_are_refused():
    remote = Figure("remote", SPEC | {"data": {"url": "https://example.org/data.csv"}})
    with pytest.raises(ValueError, match=r"not allowed|External data url"):
        remote.svg()


@pytest.mark.parametrize("name", ["one.gif", "one"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.svg, \.pdf, \.png, \.json"):
        ONE.save(tmp_path / name)


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"cannot write .*No such file"):
        ONE.save(tmp_path / "none" / "one.svg")


def test_where_the_converter_is_missing_one_line_says_what_to_install(tmp_path, nothing_installed):
    with pytest.raises(UsageError) as raised:
        ONE.save(tmp_path / "one.svg")
    assert str(raised.value) == f"figures need vl-convert-python: {figure.INSTALL}"
    assert not (tmp_path / "one.svg").exists()


def test_a_notebook_shows_the_figure_or_what_to_install(monkeypatch):
    assert ONE._repr_mimebundle_()["image/svg+xml"].startswith("<svg")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert ONE._repr_mimebundle_() == {"text/plain": f"one point: figures need vl-convert-python: {figure.INSTALL}"}


def test_a_figure_is_told_in_one_line():
    assert repr(ONE) == "Figure(title='one point')"
