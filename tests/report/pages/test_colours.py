"""Text in the colour of a series can be read on the page and on its figures, in light and in dark."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from convbench.report.export.figures.palette import text_colour
from convbench.report.views.slots import SLOTS

LEAST = 4.5
"""Web Content Accessibility Guidelines 2.2, 1.4.3."""
CSS = (resources.files("convbench.report") / "templates" / "report.css").read_text(encoding="utf-8")
LIGHT, DARK = CSS.split("prefers-color-scheme: dark", 1)


def colour(scheme: str, name: str) -> str:
    found = re.search(rf"--{name}: #(\w+)", scheme)[1]
    return "#" + (found if len(found) == 6 else "".join(2 * digit for digit in found))


def channels(text: str) -> list[int]:
    return [int(text[place : place + 2], 16) for place in (1, 3, 5)]


def luminance(text: str) -> float:
    parts = [part / 255 for part in channels(text)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("slot", range(SLOTS))
def test_text_in_a_series_colour_can_be_read(scheme, slot):
    assert contrast(colour(scheme, f"t{slot}"), colour(scheme, "surface")) >= LEAST


@pytest.mark.parametrize("name", ["ink", "soft", "link", "good", "bad", "doubt"])
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_other_text_can_be_read(scheme, name):
    for ground in ("surface", "page", "faint"):
        assert contrast(colour(scheme, name), colour(scheme, ground)) >= LEAST
    if name in {"good", "bad", "doubt"}:
        assert contrast(colour(scheme, name), colour(scheme, f"{name}-tint")) >= LEAST


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_on_the_strongest_tint_of_a_time_can_be_read(scheme):
    share = float(re.search(r"var\(--behind\) calc\(var\(--heat\) \* (\.\d+)\)", CSS)[1])
    ground, tint = (channels(colour(scheme, name)) for name in ("page", "behind"))
    mixed = "#" + "".join(f"{round(share * b + (1 - share) * a):02x}" for a, b in zip(ground, tint, strict=True))
    assert contrast(colour(scheme, "ink"), mixed) >= LEAST
    assert ".behind small { color: inherit }" in CSS


def test_each_slot_has_its_text_colour_which_is_that_of_saved_figures():
    for slot in range(SLOTS):
        assert f".b{slot} {{ --c: var(--c{slot}); --t: var(--t{slot}) }}" in CSS
        assert colour(LIGHT, f"t{slot}") == text_colour(slot)
