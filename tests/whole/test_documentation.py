"""What the documentation names is there, and every page is found in two clicks."""

from __future__ import annotations

import re
import tomllib

import pytest
from paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("results/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+\.\w+|[^)#\s]*/[^)#\s]*)(?:#[^)\s]*)?\)")
TEST = re.compile(r"\btests/[\w/]+\.(?:py|toml)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [path for path in TEST.findall(text) if not (ROOT / path).exists()]
    assert missing == []


def _linked(page):
    """The pages that a page links to, and those of its globs, which the site lists by their names."""
    text = page.read_text(encoding="utf-8")
    found = {(page.parent / link).resolve() for link in LINK.findall(text) if link.endswith(".md")}
    return found | ({path.resolve() for path in page.parent.glob("*.md")} if ":glob:" in text else set())


def test_every_page_is_found_from_the_readme_in_two_clicks():
    first = _linked(ROOT / "README.md")
    second = {other for page in first if page.exists() for other in _linked(page)}
    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md") if "examples" not in page.parts}
    assert not pages - first - second


def test_the_page_on_architecture_has_every_package_on_its_floor():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["name"] == "floors of the host")
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = {name: int(floor) for floor, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE)}
    floors = [[shown[name.strip()] for name in layer.split("|")] for layer in reversed(layers)]
    assert all(len(set(floor)) == 1 for floor in floors)
    assert floors == sorted(floors)
