"""What the documentation names is there."""

from __future__ import annotations

import re

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
