"""Files that the page makes by itself: the cells that are shown as CSV, and charts as SVG that need nothing else."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from fake_run import SECONDS, measurements, report_input
from in_browser import shown
from selenium.webdriver.support.ui import WebDriverWait

import convbench
from convbench.report.html import render_report
from convbench.results.columns import MEASUREMENTS, names

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def saved(browser, tmp_path):
    """Presses a button and returns the file that the browser has then saved."""

    def press(css):
        before = set(tmp_path.iterdir())
        browser.execute_script("document.querySelector(arguments[0]).click()", css)

        def finished(_):
            return [path for path in set(tmp_path.iterdir()) - before if path.suffix in {".csv", ".svg"}]

        return WebDriverWait(browser, 20).until(finished)[0]

    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    yield press
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "default"})


def test_the_saved_table_is_what_the_filters_leave_in_the_order_that_is_shown(browser, pages, saved):
    with shown(browser, pages["run"]):
        browser.find_element("id", "cell-filter").send_keys("broken conv1")
        browser.execute_script("document.querySelector('#cell-table th[data-key=median_s] button').click()")
        browser.execute_script("document.querySelector('#cell-columns').click()")
        path = saved("#cell-csv")
    table = convbench.read_csv(path)
    cells = measurements()
    expected = cells[(cells["backend"] == "broken") & (cells["case"] == "conv1")].sort_values("median_s", kind="stable")
    assert set(table.columns) <= {*names(MEASUREMENTS), "pass_name"}
    assert {"workload", "case", "dtype", "ci_low_s", "ci_high_s", "reason"} <= set(table.columns)
    assert table["median_s"].tolist() == pytest.approx(expected["median_s"].tolist(), rel=1e-4)
    assert table["reason"].tolist() == expected["reason"].tolist()
    assert table["status"].tolist() == expected["status"].tolist()


def test_the_saved_ranking_has_the_times_of_right_cells_alone(browser, pages, saved):
    with shown(browser, pages["run"]):
        browser.execute_script("document.querySelector('#fastest [data-value=backward]').click()")
        path = saved("#ranking-csv")
    table = pd.read_csv(path).set_index("case")
    assert path.name == "convbench-backward-batch-8.csv"
    cells = measurements()
    cells = cells[(cells["pass"] == "backward") & (cells["batch_size"] == 8)]
    for case, backend, verdict, status, seconds in cells[
        ["case", "backend", "verdict", "status", "median_s"]
    ].itertuples(index=False):
        if backend == "absent":
            assert f"{backend} (s)" not in table
        elif (status, verdict) == ("ok", "agrees"):
            assert table.loc[case, f"{backend} (s)"] == pytest.approx(seconds, rel=1e-4)
        else:
            assert pd.isna(table.loc[case, f"{backend} (s)"])


def test_texts_of_the_saved_table_are_safe(browser, tmp_path, saved):
    texts = ['=1+1 "quoted"', "a,b", "line\nbreak", "", "-x", "<&>", "plain"]
    cells = measurements().iloc[: len(texts)].assign(reason=texts)
    page = tmp_path / "page.html"
    page.write_text(render_report(report_input(measurements=cells)), encoding="utf-8")
    with shown(browser, page):
        path = saved("#cell-csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    assert [row["reason"] for row in rows] == ['\'=1+1 "quoted"', *texts[1:4], "'-x", *texts[5:]]
    pd.testing.assert_series_equal(
        convbench.read_csv(path)["reason"], pd.Series(texts, name="reason"), check_dtype=False
    )


def test_a_saved_chart_stands_alone_and_looks_as_it_did(browser, pages, saved):
    with shown(browser, pages["run"]):
        colour = browser.execute_script(
            "return getComputedStyle(document.querySelector('#time-chart [data-backend=fast] .line')).stroke"
        )
        path = saved("[data-chart=time-chart]")
    text = path.read_text(encoding="utf-8")
    assert path.name == "convbench-time-conv1-forward.svg"
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert float(root.get("width")) > 200
    assert "Time per call over batch size" in root.find(f"{SVG}title").text
    assert not re.search(r"class=|<use|href|var\(--|https?://(?!www\.w3\.org)", text)
    groups = {
        group.get("data-backend"): group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}path") is not None
    }
    assert set(groups) >= set(SECONDS)
    assert any(f"stroke:{colour}" in path.get("style") for path in groups["fast"].iter(f"{SVG}path"))
    assert "batch size" in [node.text for node in root.iter(f"{SVG}text")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "chart", "name"),
    [
        ("run", "memory-chart", "convbench-peak-memory-conv1-forward.svg"),
        ("measured", "roofline-chart", "convbench-roofline-forward-batch-16.svg"),
        ("course", "unrolling", "convbench-im2col-drawing.svg"),
    ],
)
def test_every_chart_can_be_saved(browser, pages, saved, kind, chart, name):
    with shown(browser, pages[kind]):
        path = saved(f"[data-chart={chart}]")
    assert path.name == name
    assert len(list(ET.fromstring(path.read_text(encoding="utf-8")))) > 5


def test_every_figure_of_a_chart_has_its_button(browser, pages):
    for kind in ("run", "measured", "course"):
        with shown(browser, pages[kind]):
            lacking = browser.execute_script(
                "return [...document.querySelectorAll('figure:has(svg.plot)')]"
                ".filter(figure => !figure.querySelector('[data-chart]')).map(figure => figure.textContent)"
            )
        assert lacking == []
