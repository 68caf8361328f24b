"""A site opens from a file without a network, can be searched there, and shuts nobody out on any width.

The browser is that of conftest.py.
"""

from __future__ import annotations

import json
from importlib import resources

import pytest
from many_runs import many_runs
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import convbench

AXE = (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """
const tell = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => tell(violations.flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} at ${node.target}: ${node.failureSummary.replaceAll("\\n", " ")}`))));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    top = tmp_path_factory.mktemp("site")
    many_runs(top / "runs", runs=16, machines=2)
    return convbench.publish(top / "runs", top / "site").page.parent


@pytest.fixture(scope="module")
def pages(site):
    """One page of each kind."""
    return [site / "index.html", *(min((site / kind).iterdir()) for kind in ("machines", "cases", "history"))]


@pytest.fixture
def opened(browser, site):
    browser.get_log("browser"), browser.get_log("performance")
    browser.get((site / "index.html").as_uri())
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def found(browser, text):
    box = browser.find_element("id", "search")
    box.clear()
    box.send_keys(text)
    status = browser.find_element("id", "found")
    WebDriverWait(browser, 10).until(lambda _: "found" in status.text)
    return browser.find_elements("css selector", "#results a")


def test_the_search_finds_cases_backends_and_machines_and_leads_to_them(opened, site):
    assert [link.text.splitlines()[0] for link in found(opened, "mine[")] == ["backend"]
    (machine,) = found(opened, "machine0")
    machine.send_keys(Keys.ENTER)
    WebDriverWait(opened, 10).until(lambda _: "machine0" in opened.title)
    found(opened, "conv1 lenet5")[0].click()  # from a page in a folder, too
    WebDriverWait(opened, 10).until(lambda _: "conv1" in opened.title)


def test_what_is_not_there_is_said(opened):
    assert found(opened, "no such thing") == []
    assert opened.find_element("id", "found").text == "nothing found"


def test_it_asks_the_network_for_nothing_and_loads_the_index_only_for_a_search(opened, site):
    def loaded():
        return {name.rpartition("/")[2] for name in opened.execute_script(
            "return performance.getEntriesByType('resource').map(e => e.name)"
        ) if not name.startswith("data:")}  # fmt: skip

    assert loaded() <= {"site.css", "site.js"}
    found(opened, "conv")
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert all(url.startswith(("file:", "data:")) for url in sent)
    assert any(url.endswith("assets/index.js") for url in sent)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(opened, pages, width):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        for page in pages:
            opened.get(page.as_uri())
            assert opened.execute_script("return document.documentElement.scrollWidth") <= width, page
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, pages, scheme):
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    try:
        for page in pages:
            opened.get(page.as_uri())
            found(opened, "conv1")
            opened.execute_script(AXE)
            assert opened.execute_async_script(RUN_AXE) == [], page
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
