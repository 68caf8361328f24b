"""A run of 60 cases and 10 backends: the page stays small, and draws what is chosen and no more."""

from __future__ import annotations

import pytest
from in_browser import shown
from wide_run import BATCH_SIZES, wide_input

from convbench.report.html import render_report

CASES, BACKENDS = 60, 10
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("wide") / "page.html"
    path.write_text(render_report(wide_input(CASES, BACKENDS)), encoding="utf-8")
    return path


def count(browser, css):
    return len(browser.find_elements("css selector", css))


@pytest.mark.slow
def test_only_the_chosen_case_is_drawn_large_and_only_what_is_seen_small(browser, page):
    assert page.stat().st_size < 5 * MEGABYTE
    with shown(browser, page):
        assert count(browser, "#multiples button") == CASES
        assert count(browser, "#time-chart svg") == count(browser, "#memory-chart svg") == 1
        assert count(browser, "#time-chart .series") == BACKENDS
        assert count(browser, "#multiples svg") < CASES
        assert count(browser, "#cell-table tbody tr") == 25
        assert (
            len([body for body in browser.find_elements("css selector", ".ranking tbody") if body.is_displayed()]) == 1
        )
        browser.execute_script("document.querySelectorAll('#multiples button')[41].click()")
        assert browser.find_element("id", "case").get_attribute("value") == "layer41.block.conv"
        assert count(browser, "#time-chart svg") == 1
        drawn = browser.execute_script("return document.querySelector('#time-chart svg').getAttribute('aria-label')")
        assert "layer41.block.conv" in drawn
        assert drawn.count(f" at {BATCH_SIZES[-1]}") == BACKENDS, "the chart in words has all backends"
        assert browser.get_log("browser") == []
