"""Every page by keyboard and for a screen reader: a way past the navigation, a visible focus, names for all."""

from __future__ import annotations

import pytest
from in_browser import shown
from selenium.webdriver.common.keys import Keys

KINDS = ("run", "measured", "course", "several", "diff", "history")
TABLES_WITHOUT_CAPTION = """
return [...document.querySelectorAll("main table")].filter((table) => !table.caption?.textContent.trim())
  .map((table) => table.className);
"""
DRAWINGS_WITHOUT_NAME = """
const isNamed = (svg) => svg.getAttribute("role") === "img" && svg.getAttribute("aria-label");
return [...document.querySelectorAll("main svg")]
  .filter((svg) => svg.getAttribute("aria-hidden") !== "true" && !isNamed(svg))
  .map((svg) => svg.outerHTML.slice(0, 80));
"""
WITHOUT_FOCUS_RING = """
const ends = [];
for (const node of document.querySelectorAll("a[href], button, select, input, summary, [tabindex='0']")) {
  if (!node.getClientRects().length || node.disabled) continue;
  node.focus({ focusVisible: true });
  const { outlineStyle, outlineWidth } = getComputedStyle(node);
  const hasRing = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  if (document.activeElement === node && !hasRing) ends.push(node.outerHTML.slice(0, 80));
}
return ends;
"""


def focused(browser):
    return browser.switch_to.active_element


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_key_leads_past_the_navigation(browser, pages, kind):
    with shown(browser, pages[kind]):
        browser.find_element("css selector", "body").send_keys(Keys.TAB)
        assert focused(browser).get_attribute("class") == "skip"
        assert focused(browser).rect["x"] >= 0, "it is seen while it has the focus"
        focused(browser).send_keys(Keys.ENTER)
        assert focused(browser).tag_name == "main"


@pytest.mark.parametrize("kind", KINDS)
def test_tables_and_drawings_have_names_and_the_focus_is_seen(browser, pages, kind):
    with shown(browser, pages[kind]):
        assert browser.execute_script(TABLES_WITHOUT_CAPTION) == []
        assert browser.execute_script(DRAWINGS_WITHOUT_NAME) == []
        assert browser.execute_script(WITHOUT_FOCUS_RING) == []


def test_a_chart_says_its_numbers_in_words(browser, pages):
    with shown(browser, pages["run"]):
        said = browser.find_element("css selector", "#time-chart svg").get_attribute("aria-label")
    assert "Time per call over batch size, conv1, forward" in said
    assert "fast: 10.0 µs at 1, 80.0 µs at 8" in said
