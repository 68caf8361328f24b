"""What tests of pages do in a browser: open one at a width, in a colour scheme or as printed, and look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRINTED_WIDTH = 688
"""Pixels of a line on A4 between the margins of the pages, at 96 an inch."""
COLLIDING = """
const seen = (node) => node.getClientRects().length && getComputedStyle(node).visibility !== "hidden";
return [...document.querySelectorAll("svg.plot, .scale")].filter(seen).flatMap((drawing) => {
  const labels = drawing.querySelectorAll("text:not([transform]), i");
  const texts = [...labels].filter((node) => seen(node) && node.textContent);
  const boxes = texts.map((node) => node.getBoundingClientRect());
  const pairs = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, k) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 3) pairs.push(`${texts[i].textContent} / ${texts[i + 1 + k].textContent}`);
  }));
  return pairs;
});
"""
"""Texts of a drawing or an axis that lie over each other; a line of text has some air above and below its letters."""
CUT = """
const width = document.documentElement.clientWidth;
const scrolls = (node) => node.closest(".scroll, nav, .skip, .hidden, .definitions, #tooltip");
const end = (node) => node.getBoundingClientRect().right;
return [...document.querySelectorAll("main *")]
  .filter((node) => node.getClientRects().length && !scrolls(node) && end(node) > width + 1)
  .map((node) => `${node.localName}.${node.getAttribute("class")} to ${end(node)}: ${node.textContent.slice(0, 40)}`);
"""
"""Elements that reach beyond the right edge of the page, and do not scroll by themselves."""


@contextmanager
def shown(
    browser: Any, page: Path, *, width: int = 1280, scheme: str = "light", printed: bool = False
) -> Iterator[Any]:
    """The browser with a page that was loaded at this width; afterwards the browser is as it was."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    switch_to(browser, scheme)
    try:
        browser.get_log("browser")
        browser.get(page.as_uri())
        if printed:
            browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
            switch_to(browser, scheme, media="print")
        yield browser
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def switch_to(browser: Any, scheme: str, *, media: str = "") -> None:
    """Show the page that is open in a colour scheme, on a medium."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
