"""The tables of columns in docs/results.md, made from the declared columns; what stands around them is written by hand.

python tests/tools/result_tables.py      writes the tables again
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from convbench.results.columns import (
    AGREEMENT,
    LARGEST_BATCHES,
    MEASUREMENTS,
    NETWORK_LAYERS,
    NETWORKS,
    SAMPLES,
    Column,
)

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
FRAMES: Mapping[str, tuple[Column, ...]] = {
    "measurements": MEASUREMENTS,
    "samples": SAMPLES,
    "networks": NETWORKS,
    "network_layers": NETWORK_LAYERS,
    "largest_batches": LARGEST_BATCHES,
    "agreement": AGREEMENT,
}
"""Columns by the name of their frame, in the order of the page."""
PLACE = re.compile(r"(?<=<!-- columns: )(\w+) -->.*?(?=<!-- end -->)", re.DOTALL)
HEAD = "| column | unit | type | meaning |\n|---|---|---|---|\n"


def table(columns: Iterable[Column]) -> str:
    """A row a column, as a table of Markdown."""
    return HEAD + "".join(f"| {' | '.join(_fields(column))} |\n" for column in columns)


def with_tables(page: str) -> str:
    """The page with the table of each frame at its place; KeyError where a place names no frame."""
    return PLACE.sub(lambda place: f"{place[1]} -->\n{table(FRAMES[place[1]])}", page)


def places(page: str) -> list[str]:
    """The frames that have a place on the page, in its order."""
    return PLACE.findall(page)


def _fields(column: Column) -> Iterable[str]:
    kind = f"{column.dtype}, optional" if column.optional else column.dtype
    return column.name, column.unit, kind, column.meaning.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
