"""A terminal that cannot show every character, such as one with LC_ALL=C, gets the nearest that it can.

Each is one character, so that tables stay in line.
"""

from __future__ import annotations

import codecs
import io
import sys

ERRORS = "convbench.nearest"
NEAREST = {"µ": "u", "×": "x", "±": "~", "–": "-", "→": ">", "·": "*", "…": ".", "≥": ">", "≤": "<", "’": "'", "²": "2"}


def show_the_nearest() -> None:
    """Have standard output and error replace what their encoding lacks."""
    codecs.register_error(ERRORS, _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors=ERRORS)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(NEAREST.get(character, "?") for character in lost), error.end
