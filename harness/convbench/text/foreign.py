"""Text that somebody else wrote, made fit to be shown: what a plug-in says of itself, its errors, its log.

It is cleaned once, where it enters. After that terminal, CSV file and page need not fear it: it holds no character that
moves a cursor, sets a title, turns the direction of reading round, hides, or cannot be encoded; and it has an end.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

LONGEST = 500
"""Characters of a line of text."""
LONGEST_TRACEBACK = 20_000
MOST_MARKS = 4
"""Accents and other marks that may stand on one letter; more of them cover the lines above and below."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what is no visible character: controls, directions, halves of pairs, private, none."""
_MARKS = frozenset({"Mn", "Me"})


def clean(text: str, longest: int = LONGEST) -> str:
    r"""One line of visible text: other characters stand as their escapes, and what is too long is cut.

    >>> clean("\x1b[2Jhello\nworld \udcff")
    '\\x1b[2Jhello world \\udcff'
    >>> clean("a" * 20, longest=8)
    'aaaaaaa…'
    """
    return _cut(_visible(" ".join(text[: 4 * longest].split())), longest)


def clean_lines(text: str, longest: int = LONGEST_TRACEBACK) -> str:
    """The same for text of several lines, which stay; of one that is too long the end is kept."""
    kept = text if len(text) <= longest else f"…{text[1 - longest :]}"
    return "\n".join(_visible(line.replace("\t", "    ")) for line in kept.splitlines())


def visible(text: str) -> str:
    """The same text with whatever cannot be seen as its escape; lines stay, nothing is cut."""
    return "\n".join(map(_visible, text.split("\n")))


def all_visible(value: object) -> object:
    """Plain values, as JSON has them, with every text made visible."""
    return each_text(value, lambda text, _: visible(text))


def each_text(
    value: object, change: Callable[[str, str], str], *, key: str = "", verbatim: frozenset[str] = frozenset()
) -> object:
    """Plain values, as JSON has them, with every text changed; `change` gets it and the key that it stands under.

    What stands under a key of `verbatim` is left as it is.
    """
    if isinstance(value, str):
        return change(value, key)
    if isinstance(value, list):
        return [each_text(each, change, key=key, verbatim=verbatim) for each in value]
    if isinstance(value, dict):
        return {
            change(name, ""): each if name in verbatim else each_text(each, change, key=name, verbatim=verbatim)
            for name, each in value.items()
        }
    return value


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        hidden = category in _HIDDEN or marks > MOST_MARKS
        shown.append(character.encode("unicode_escape").decode("ascii") if hidden else character)
    return "".join(shown)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
