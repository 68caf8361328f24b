"""Every page at the widths of a phone, a tablet and two screens, and printed: nothing is cut and no labels collide."""

from __future__ import annotations

import base64
import re

import pytest
from in_browser import COLLIDING, CUT, PRINTED_WIDTH, shown

KINDS = ("run", "measured", "course", "several", "diff", "history")
CHARTS = "#time-chart svg, #memory-chart svg, #multiples svg"


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_its_window(browser, pages, kind, width):
    with shown(browser, pages[kind], width=width):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(CUT) == []
        assert browser.execute_script(COLLIDING) == []
        assert browser.get_log("browser") == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_printed_page_fits_its_paper(browser, pages, kind):
    with shown(browser, pages[kind], width=PRINTED_WIDTH, printed=True):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PRINTED_WIDTH
        assert browser.execute_script(CUT) == []
        assert browser.execute_script(COLLIDING) == []


def test_all_charts_are_printed(browser, pages):
    with shown(browser, pages["measured"], printed=True):
        drawn = browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(svg => [svg.getBoundingClientRect().width,"
            " svg.querySelectorAll('.series').length])",
            f"{CHARTS}, #roofline-chart svg",
        )
        cases = len(browser.find_elements("css selector", "#multiples > *"))
    assert len(drawn) == 2 + cases + 1
    assert all(width > 100 for width, _ in drawn)
    assert all(lines for _, lines in drawn[:-1])


@pytest.mark.slow
def test_a_print_has_no_controls_and_few_pages(browser, pages):
    with shown(browser, pages["course"]):
        pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        controls = browser.find_elements("css selector", "nav, .controls, .save, .skip, .pager button")
        assert controls
        assert not any(control.is_displayed() for control in controls)
    assert pdf.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 8
