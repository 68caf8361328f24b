"""Every page explains its words at its foot, and the words in its texts lead there."""

from __future__ import annotations

import re
from html import unescape

import pytest
from markupsafe import escape

from convbench.report.pages.templating import link_word
from convbench.text.glossary import GLOSSARY


@pytest.fixture(scope="module", params=["run", "measured", "course", "several", "diff", "history"])
def html(request, pages):
    return pages[request.param].read_text(encoding="utf-8")


def test_the_glossary_is_the_one_of_the_documentation(html):
    entries = re.findall(r'<div id="(word-[\w-]+)"><dt>(.*?)</dt><dd>(.*?)</dd></div>', html)
    assert [(anchor, unescape(name), unescape(text)) for anchor, name, text in entries] == [
        (entry.anchor, entry.name, entry.meaning) for entry in GLOSSARY
    ]


def test_every_link_within_a_page_leads_somewhere(html):
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    targets = set(re.findall(r'<a [^>]*href="#([^"]+)"', html))
    assert targets <= set(ids)
    assert "top" in targets


def test_words_of_the_texts_are_linked(pages):
    text = pages["run"].read_text(encoding="utf-8")
    linked = set(re.findall(r'<a class="word" href="#word-([\w-]+)"', text))
    assert linked >= {"oracle", "bound", "interval", "cell", "right", "case"}


def test_a_word_keeps_its_form_and_its_meaning_is_escaped():
    shown = str(link_word("Adjoint identity"))
    assert shown.endswith(">Adjoint identity</a>")
    assert str(escape("<y - b, dy>")) in shown
