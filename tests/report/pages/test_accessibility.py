"""axe-core finds nothing wrong with any page, in light and dark, nor with what its controls bring forth.

axe-core is that of the package axe-core-python, which needs no network; see https://github.com/dequelabs/axe-core.
"""

from __future__ import annotations

from importlib import resources

import pytest
from in_browser import shown, switch_to

AXE = (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = """
const tell = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => tell(violations.flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} at ${node.target}: ${node.failureSummary.replaceAll("\\n", " ")}`))));
"""
KINDS = ("run", "measured", "course", "several", "diff", "history")


def findings(browser):
    """What axe says of the page as it is now; a page's own policy forbids scripts, so this one comes by the driver."""
    browser.execute_script(AXE)
    return browser.execute_async_script(RUN)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(browser, pages, kind):
    with shown(browser, pages[kind]):
        for scheme in ("light", "dark"):
            switch_to(browser, scheme)
            assert findings(browser) == [], scheme


@pytest.mark.slow
def test_axe_finds_nothing_after_controls_were_used(browser, pages):
    controls = (".matrix button", "#cell-columns", "#legend button", "#fastest .choice button", "summary")
    with shown(browser, pages["run"]):
        for css in controls:
            browser.execute_script("document.querySelectorAll(arguments[0]).forEach((each) => each.click())", css)
        for scheme in ("light", "dark"):
            switch_to(browser, scheme)
            assert findings(browser) == [], scheme


@pytest.mark.slow
def test_axe_finds_what_is_wrong(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!doctype html><html><body style="color: #aaa"><p>pale</p><input></body></html>', encoding="utf-8")
    with shown(browser, page):
        rules = {finding.partition(" at ")[0] for finding in findings(browser)}
    assert rules >= {"color-contrast", "label", "html-has-lang", "document-title"}
