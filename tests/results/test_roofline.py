"""The section on the roofline: its roofs, its table without scripts, and the drawing in a browser."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from fake_run import SECONDS, measurements, report_input

from convbench.report.html import render_report
from convbench.report.views.roofline import RooflineView, roofline_view
from convbench.results.roofline import Bandwidth, Limits, Peak
from convbench.results.roofline_columns import add_roofline
from convbench.text import units

LIMITS = Limits(
    device="cpu",
    threads=2,
    bandwidth=Bandwidth(gbytes_per_s=50.0, way="copy <of arrays>", array_bytes=2**27),
    peaks=(
        Peak(dtype="float32", gflops_per_s=150.0, backend="fast", case="1 x 1", considered=("fast",)),
        Peak(dtype="float64", gflops_per_s=75.0, backend="fast", case="1 x 1", considered=("fast",)),
    ),
)


def cells(**columns):
    """The fake run with 1 MFLOP and 10 kB a conv, so 100 FLOPs a byte, and 2 FLOPs a byte a pool."""
    frame = measurements()
    moved = frame["case"].map({"conv1": 1e4, "pool1": 5e5})
    return add_roofline(frame.assign(compulsory_bytes=moved, valid_flops=9e5, **columns), LIMITS)


def page_of(frame=None, limits=(("", LIMITS),)):
    return render_report(report_input(measurements=cells() if frame is None else frame, limits=limits))


def test_a_roof_is_shown_for_each_dtype_of_the_run():
    found = roofline_view(cells(), [("", LIMITS)])
    assert [(roof.label, roof.gflops_per_s, roof.gbytes_per_s) for roof in found.roofs] == [("float32", 150.0, 50.0)]
    both = pd.concat([cells(), cells(dtype="float64")], ignore_index=True)
    several = roofline_view(both, [("laptop", LIMITS), ("server", LIMITS)])
    assert [roof.label for roof in several.roofs] == [
        "laptop: float32", "laptop: float64", "server: float32", "server: float64",
    ]  # fmt: skip


def test_a_row_has_the_best_share_of_a_backend_and_the_median():
    table = roofline_view(cells(), [("", LIMITS)]).tables[0]
    assert (table.pass_name, table.batch_size) == ("forward", 1)
    rows = {row.backend: row for row in table.rows}
    # 1 MFLOP in 10 us is 100 GFLOP/s: of 150 for the conv, of 2 x 50 for the pool
    assert rows["fast"].best == pytest.approx(1.0)
    assert rows["fast"].case == "pool1"
    assert rows["fast"].bound_by == "bandwidth"
    assert rows["fast"].median == pytest.approx((1.0 + 2 / 3) / 2)
    assert rows["slow"].best == pytest.approx(0.01)
    assert [row.backend for row in table.rows] == ["broken", "fast", "steady", "slow"]


def test_wrong_cells_have_no_row():
    tables = roofline_view(cells(), [("", LIMITS)]).tables
    both = next(table for table in tables if (table.pass_name, table.batch_size) == ("both", 1))
    broken = next(row for row in both.rows if row.backend == "broken")
    assert (broken.cells, broken.case) == (1, "pool1")


@pytest.mark.parametrize(
    ("frame", "limits"),
    [
        (measurements(), [("", LIMITS)]),  # without the columns
        (add_roofline(measurements(), None), []),
        (cells(), []),
        (cells(), [("", Limits(device="cpu", threads=2))]),
        (cells().assign(median_s=float("nan"), roofline_share=float("nan")), [("", LIMITS)]),
    ],
    ids=["old", "no limits", "no roofs", "unknown limits", "nothing measured"],
)
def test_where_no_share_is_known_there_is_no_section(frame, limits):
    assert roofline_view(frame, limits) == RooflineView()
    assert 'id="roofline"' not in page_of(frame, limits)


def test_the_table_and_the_roofs_are_plain_html_and_escaped():
    html = page_of()
    section = html[
        html.index('<section id="roofline">') : html.index("</section>", html.index('<section id="roofline">'))
    ]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))
    assert "150 GFLOP/s by fast on 1 x 1; 50.0 GB/s by copy &lt;of arrays&gt;; 2 threads, cpu" in text
    assert "200 % effective" in text  # broken is right at the pool, and takes half the time
    assert "flatten" not in text


def test_cells_that_compute_nothing_are_mentioned():
    frame = measurements().assign(compulsory_bytes=5e5, valid_flops=0.0, flops=0.0)
    found = roofline_view(add_roofline(frame, LIMITS), [("", LIMITS)])
    assert found.unplaced > 0
    assert found.tables


# In a browser


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("roofline") / "report.html"
    path.write_text(page_of(), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, report_file):
    browser.get_log("browser")
    browser.get(report_file.as_uri())
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def all_of(browser, css):
    return browser.find_elements("css selector", css)


def press(browser, css):
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def test_a_marker_is_drawn_for_each_cell_and_a_roof_for_each_dtype(opened):
    assert len(all_of(opened, "#roofline-chart [data-roof]")) == 1
    groups = all_of(opened, "#roofline-chart [data-case]")
    assert [group.get_attribute("data-case") for group in groups] == ["pool1", "conv1"]
    press(opened, "#roofline [data-value='1']")
    drawn = [node.get_attribute("data-backend") for node in all_of(opened, "#roofline-chart [data-backend]")]
    assert sorted(drawn) == sorted([*SECONDS, *SECONDS])


def places(browser):
    """(backend, centre) of the markers of conv1, and the height of the roof above them, in pixels."""
    return browser.execute_script(
        """const centre = (node) => {
             const box = node.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];
           };
           const markers = [...document.querySelectorAll('#roofline-chart [data-case=conv1] [data-backend]')];
           const roof = document.querySelector('#roofline-chart [data-roof]').getBoundingClientRect();
           const places = markers.map((node) => [node.dataset.backend, centre(node.firstChild)]);
           return [Object.fromEntries(places), roof.top];"""
    )


def test_cells_of_a_case_stand_above_each_other_the_fastest_next_to_the_roof(opened):
    press(opened, "#roofline [data-value='1']")
    markers, roof = places(opened)
    assert len({round(x) for x, _ in markers.values()}) == 1
    assert markers["broken"][1] < roof < markers["fast"][1] < markers["steady"][1] < markers["slow"][1]


def test_pass_batch_size_and_legend_are_those_of_the_other_sections(opened):
    press(opened, "#roofline [data-value=backward]")
    press(opened, "#roofline [data-value='1']")
    assert "backward, batch size 1" in opened.find_element("css selector", "#roofline .shown").text
    assert opened.find_element("css selector", "#fastest [data-value=backward]").get_attribute("aria-pressed") == "true"
    assert all_of(opened, "#roofline-chart [data-case=conv1] [data-backend=broken] use[href='#cross']")
    visible = [body for body in all_of(opened, ".shares tbody") if body.is_displayed()]
    assert [(body.get_attribute("data-pass"), body.get_attribute("data-batch")) for body in visible] == [
        ("backward", "1")
    ]
    press(opened, "#roofline .legend [data-backend=fast]")
    assert not all_of(opened, "#roofline-chart [data-backend=fast]")
    assert opened.find_element("css selector", "#legend [data-backend=fast]").get_attribute("aria-pressed") == "false"


def test_the_pointer_shows_the_case_and_marks_the_nearest_backend(opened):
    from selenium.webdriver.common.action_chains import ActionChains

    press(opened, "#roofline [data-value='1']")
    marker = opened.find_element("css selector", "#roofline-chart [data-case=conv1] [data-backend=steady] use")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", marker)
    ActionChains(opened, duration=0).move_to_element(marker).perform()
    shown = " ".join(opened.find_element("id", "tooltip").text.split())
    assert "conv1, forward, batch size 1" in shown
    assert "100 FLOPs a byte: at most 150 GFLOP/s by compute" in shown
    assert "fast 100 GFLOP/s 66.7 %" in shown
    assert "broken 200 GFLOP/s 133 %, effective" in shown
    near = opened.find_element("css selector", "#tooltip tr.near").text
    assert " ".join(near.split()) == "steady 50.0 GFLOP/s 33.3 %"


def test_the_arrow_keys_go_from_case_to_case(opened):
    from selenium.webdriver.common.keys import Keys

    svg = opened.find_element("css selector", "#roofline-chart svg")
    svg.send_keys(Keys.ARROW_RIGHT)
    assert "pool1" in opened.find_element("id", "tooltip").text
    svg.send_keys(Keys.ARROW_RIGHT)
    assert "conv1" in opened.find_element("id", "tooltip").text
    assert all_of(opened, "#roofline-chart .column[data-case=conv1]")


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_section_fits_and_its_lines_stand_out(opened, width, scheme):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        opened.refresh()
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        inside = opened.execute_script(
            """const frame = document.querySelector('#roofline-chart svg').getBoundingClientRect();
               return [...document.querySelectorAll('#roofline-chart use, #roofline-chart text')].every((node) => {
                 const box = node.getBoundingClientRect();
                 return box.left >= frame.left - 1 && box.right <= frame.right + 1
                   && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
               });"""
        )
        assert inside
        colours = opened.execute_script(
            """const style = (css) => getComputedStyle(document.querySelector(css));
               return [style('#roofline-chart .roof').stroke, style('#roofline figure').backgroundColor];"""
        )
        roof, surface = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
        assert abs(roof - surface) > 400
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_without_scripts_every_table_of_shares_is_visible(browser, report_file):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(report_file.as_uri())
        assert all(body.is_displayed() for body in all_of(browser, ".shares tbody"))
        assert not browser.find_element("css selector", ".roofline-figure").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_scripts_format_shares_as_python_does(opened):
    values = [0, 0.0421, 0.637, 1.325, 12.0, None]
    shown = opened.execute_script("return arguments[0].map(window.convbench.formatShare)", values)
    assert shown == [units.format_share(value) for value in values]


def test_the_data_of_the_page_has_the_roofs():
    html = page_of()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL).group(1))
    assert [roof["label"] for roof in data["roofs"]] == ["float32"]
    assert "roofline_share" in data["cells"]
