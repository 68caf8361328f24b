"""The colours and markers of the page (report.css, markers.html.j2) for figures on white; a test holds them together.

Lines and markers have the page's colour. A text in the colour of a series has a darker one, because text needs a
contrast of 4.5:1 and a line only 3:1 (Web Content Accessibility Guidelines 2.2, 1.4.3 and 1.4.11). Each slot has a
marker of its own, so that no reader needs the colours.
"""

from __future__ import annotations

import re

COLOURS = (
    "#666e83", "#3c93d9", "#099f7e", "#497f49", "#d7390f", "#c88808", "#5a34b0", "#de5dab", "#0b5c70", "#834827",
)  # fmt: skip
MARKERS = (
    "M-4.6 0A4.6 4.6 0 1 1 4.6 0A4.6 4.6 0 1 1 -4.6 0Z",
    "M-4.1-4.1H4.1V4.1H-4.1Z",
    "M0-5.2 5.1 4.1H-5.1Z",
    "M0 5.2 5.1-4.1H-5.1Z",
    "M0-5.7 5 0 0 5.7-5 0Z",
    "M-1.8-5.2H1.8V-1.8H5.2V1.8H1.8V5.2H-1.8V1.8H-5.2V-1.8H-1.8Z",
    "M0-5.9 1.6-1.9 5.7-1.8 2.5.8 3.6 4.8 0 2.5-3.6 4.8-2.5.8-5.7-1.8-1.6-1.9Z",
    "M0-5.2 4.9-1.6 3 4.2H-3L-4.9-1.6Z",
    "M-5.6-2.6H5.6V2.6H-5.6Z",
    "M-4.8-5H4.8L-4.8 5H4.8Z",
)
"""By slot, within -6 .. 6."""
CROSS = "M-4.6-3.2-3.2-4.6 0-1.4 3.2-4.6 4.6-3.2 1.4 0 4.6 3.2 3.2 4.6 0 1.4-3.2 4.6-4.6 3.2-1.4 0Z"
"""The marker of a result that is not proven right."""
LEAST_CONTRAST = 4.5
DARKER = 0.97
"""What each step of darkening leaves of a colour."""
MARKER_SIZE = 6.0
FLAGS = re.compile(r"(A\S+ \S+ )0 1 1 ")
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def text_colour(slot: int) -> str:
    """The colour of a text that names the series of a slot: its colour, made darker until it can be read on white.

    >>> text_colour(6), text_colour(1)
    ('#5a34b0', '#307bb4')
    """
    colour = COLOURS[slot]
    while contrast_on_white(colour) < LEAST_CONTRAST:
        colour = _hex([DARKER * part for part in _parts(colour)])
    return colour


def contrast_on_white(colour: str) -> float:
    """The contrast of a colour with white, from 1 to 21 (WCAG 2.2, "contrast ratio" and "relative luminance")."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour)]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def unit_path(marker: str) -> str:
    """A marker within -1 .. 1, as Vega scales it.

    >>> unit_path("M0-3 6 3H-6Z")
    'M0 -0.5  1  0.5H-1Z'
    """
    scaled = NUMBER.sub(lambda number: f" {float(number[0]) / MARKER_SIZE:.4g}", FLAGS.sub(r"\1@ ", marker))
    return re.sub(r"(?<=[A-Z]) ", "", scaled.replace("@", "0 1 1"))


def _parts(colour: str) -> list[float]:
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def _hex(parts: list[float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
