"""The figures of a run show every backend with its own marker and name, and refuse what the run does not have."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from shown_run import BATCH_SIZES, SECONDS, write_run

from convbench.errors import UsageError
from convbench.report.export.figures.chart import NOT_PROVEN
from convbench.report.export.figures.palette import COLOURS, CROSS, MARKERS, contrast_on_white, unit_path

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


def texts(figure):
    """Each text of the drawing; a title's lines are parts of one element."""
    elements = ET.fromstring(figure.svg()).iter()
    return [node.text for node in elements if node.tag in (f"{SVG}text", f"{SVG}tspan") and node.text]


def layer_of(figure, mark):
    return [layer for layer in figure.spec["layer"] if layer["mark"]["type"] == mark]


def test_each_backend_has_its_colour_its_marker_and_its_name(run):
    figure = run.plot.time("conv1")
    (points,) = layer_of(figure, "point")
    colours, shapes = (points["encoding"][name]["scale"] for name in ("color", "shape"))
    assert dict(zip(colours["domain"], colours["range"], strict=True)) == dict(zip(SECONDS, COLOURS, strict=False))
    markers = dict(zip(shapes["domain"], shapes["range"], strict=True))
    assert markers == dict(zip(SECONDS, map(unit_path, MARKERS), strict=False)) | {"not proven": unit_path(CROSS)}
    assert set(SECONDS) <= set(texts(figure))
    assert all(row["text_colour"] for layer in layer_of(figure, "text") for row in layer["data"]["values"])


def test_text_in_a_colour_can_be_read(run):
    rows = [row for layer in layer_of(run.plot.time("conv1"), "text") for row in layer["data"]["values"]]
    assert len(rows) == len(SECONDS)
    assert all(contrast_on_white(row["text_colour"]) >= 4.5 for row in rows)


def test_both_axes_are_logarithmic_and_the_intervals_are_drawn(run):
    figure = run.plot.time("conv1")
    (line,), (bars, _) = layer_of(figure, "line"), layer_of(figure, "rule")
    assert {line["encoding"][axis]["scale"]["type"] for axis in "xy"} == {"log"}
    assert line["encoding"]["x"]["axis"]["values"] == list(BATCH_SIZES)
    cells = run.measurements.query("case == 'conv1' and backend == 'flat'")
    drawn = {(row["x"], row["low"], row["high"]) for row in bars["data"]["values"] if row["backend"] == "flat"}
    assert drawn == set(zip(cells.batch_size, cells.ci_low_s, cells.ci_high_s, strict=True))
    assert "median and 95 % interval; 2 threads, a <processor>" in texts(figure)


def test_what_is_not_proven_right_is_a_cross_and_said(run):
    (points,) = layer_of(run.plot.time("conv1"), "point")
    assert {row["shape"] for row in points["data"]["values"] if row["backend"] == "wrong-one"} == {"not proven"}
    assert NOT_PROVEN in texts(run.plot.time("conv1"))
    assert NOT_PROVEN not in texts(run.plot.time("pool1"))


def test_memory_has_bytes_and_the_range_of_its_repetitions(run):
    figure = run.plot.memory("conv1", backends=["flat"])
    assert {"1 MB", "10 MB", "flat"} <= set(texts(figure))
    assert "steep" not in texts(figure)
    rows = layer_of(figure, "line")[0]["data"]["values"]
    assert [(row["y"], row["low"], row["high"]) for row in rows] == [(n * 1e6, n * 1e6, n * 2e6) for n in BATCH_SIZES]


def test_the_roofline_has_the_limits_the_cases_and_the_largest_batch(run):
    figure = run.plot.roofline()
    assert {"100 GFLOP/s", "20.0 GB/s", "conv1", "pool1", *SECONDS} <= set(texts(figure))
    assert figure.title == "Roofline, forward, batch size 16"
    rows = layer_of(figure, "point")[0]["data"]["values"]
    cells = run.measurements.query("batch_size == 16")
    assert sorted(row["y"] for row in rows) == pytest.approx(sorted(cells["gflops_per_s"]))
    assert all(row["low"] <= row["y"] <= row["high"] for row in rows)


def test_the_line_of_the_roof_is_the_lower_limit_everywhere(run):
    roof = next(layer for layer in layer_of(run.plot.roofline(), "line") if "color" in layer["mark"])
    for row in roof["data"]["values"]:
        assert row["y"] == pytest.approx(min(100.0, 20.0 * row["x"]))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (lambda plot: plot.time("conv9"), "unknown case 'conv9'; did you mean conv1"),
        (lambda plot: plot.time(), "which case\\? There are conv1, pool1"),
        (lambda plot: plot.time("conv1", pass_name="both"), "unknown pass 'both'"),
        (lambda plot: plot.memory("conv1", backends=["flaat"]), "unknown backend 'flaat'; did you mean flat"),
        (lambda plot: plot.roofline(batch_size=3), "unknown batch size '3'"),
        (lambda plot: plot.roofline(dtype="float64"), "unknown dtype 'float64'"),
    ],
)
def test_what_the_run_does_not_have_is_refused_in_one_line(run, asked, why):
    with pytest.raises(UsageError, match=why) as raised:
        asked(run.plot)
    assert "\n" not in str(raised.value)


def test_a_run_of_one_case_needs_no_name_and_one_without_limits_says_so(tmp_path):
    one = write_run(tmp_path / "run", cases=["pool1"], limits=False)
    assert one.plot.time().title == "Time of a call, pool1, forward"
    with pytest.raises(UsageError, match="convbench limits"):
        one.plot.roofline()
