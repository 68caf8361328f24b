"""What the documentation tells people to type: its command lines, and its blocks of Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from paths import ROOT

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "results").rglob("*.md")]
)
RUNNABLE = "<!-- runnable -->"
"""Before a block of Python that a test runs as it stands."""
ENDS = frozenset({">", ">>", "|", "&&", ";"})
"""Where the shell takes over."""
FENCE = re.compile(r"^([ \t]*)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<![`\w])`(convbench\s[^`]+)`(?!`)")
COLUMN = re.compile(r"\s{2,}")
"""Between a command and what a table says of it."""
OPTIONAL = re.compile(r" ?\[[^\[\]\d,]*(?:,[^\[\]\d]*)?\]")
"""A part of a synopsis that may be left out, such as [--output FILE]; lists of numbers are none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A command line of a page; `is_mention` where it stands in a sentence, not in a block to be typed."""

    page: str
    number: int
    text: str
    is_mention: bool = False

    @property
    def words(self) -> list[str]:
        """Its words behind `convbench`, without comments, synopsis brackets, and what follows in the shell."""
        text = self.text
        while (shorter := OPTIONAL.sub("", text)) != text:
            text = shorter
        words = shlex.split(text, comments=True)
        begin = words.index("convbench")
        return words[begin + 1 : next((i for i in range(begin, len(words)) if words[i] in ENDS), None)]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Python of a page."""

    page: str
    number: int
    text: str
    is_runnable: bool


def command_lines() -> list[Line]:
    """Every `convbench ...` of every page, in their order."""
    return [line for page in PAGES for line in lines_of(page.read_text(encoding="utf-8"), _name(page))]


def lines_of(text: str, page: str = "page") -> list[Line]:
    """Every `convbench ...` of a text: of indented and of fenced blocks, and between backticks."""
    return sorted([*_typed(text, page), *_mentioned(text, page)], key=lambda line: line.number)


def python_blocks() -> list[Block]:
    """Every block of Python of every page."""
    return [
        Block(_name(page), _number(text, found.start()), dedent(found[3]), _before(text, found.start()) == RUNNABLE)
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for found in FENCE.finditer(text)
        if found[2] == "python"
    ]


def _typed(text: str, page: str) -> Iterator[Line]:
    inside = ""
    for number, line in _whole_lines(text):
        bare = line.strip()
        if bare.startswith("```"):
            inside = "" if inside else bare.removeprefix("```") or "text"
        elif (inside and inside not in {"python", "toml"} and not inside.startswith("{")) or line.startswith("    "):
            command = COLUMN.split(re.sub(r"^\$ ", "", bare))[0]
            if re.match(r"(?:\w+=\S+ )*(?:pip .* && )?convbench [-a-z]", command) and "<Tab>" not in command:
                yield Line(page, number, command)


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers; one that ends with a backslash has the next one behind it."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begun, first = (f"{begun} {line.strip()}", first) if begun else (line, number)
        if begun.endswith("\\"):
            begun = begun.removesuffix("\\").rstrip()
        else:
            yield first, begun
            begun = ""


def _mentioned(text: str, page: str) -> Iterator[Line]:
    prose = FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    for found in INLINE.finditer(prose):
        yield Line(page, _number(prose, found.start()), " ".join(found[1].split()), is_mention=True)


def _before(text: str, place: int) -> str:
    return text[:place].rstrip().rpartition("\n")[2].strip()


def _number(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
