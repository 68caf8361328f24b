"""The table of words in docs/glossary.md, made from the glossary; what stands around it is written by hand.

python tests/tools/glossary_table.py      writes the table again
"""

from __future__ import annotations

import re
from pathlib import Path

from convbench.text.glossary import GLOSSARY, Word

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"
PLACE = re.compile(r"(?<=<!-- glossary -->\n).*?(?=<!-- end -->)", re.DOTALL)
HEAD = "| term | meaning |\n|---|---|\n"


def table() -> str:
    """A row for each word, as a table of Markdown."""
    return HEAD + "".join(f"| {entry.name} | {_meaning(entry)} |\n" for entry in GLOSSARY)


def with_table(page: str) -> str:
    """The page with the table at its place."""
    return PLACE.sub(lambda _: table(), page)


def _meaning(entry: Word) -> str:
    text = entry.meaning.replace("|", r"\|").replace("<", r"\<")
    return f"{text} [More]({entry.page})" if entry.page else text


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
