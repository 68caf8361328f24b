"""The words of convbench: each is explained once, and what an entry names exists."""

from __future__ import annotations

import pytest
from paths import ROOT

from convbench.text.glossary import GLOSSARY, word

BY_NAME = pytest.mark.parametrize("entry", GLOSSARY, ids=lambda entry: entry.name)


def test_each_form_stands_for_one_word_and_the_words_are_in_order():
    forms = [form for entry in GLOSSARY for form in (entry.name, *entry.forms)]
    assert len(set(forms)) == len(forms)
    assert all(form == form.lower() for form in forms), "a text is looked up in lower case"
    assert [entry.name for entry in GLOSSARY] == sorted(entry.name for entry in GLOSSARY)
    assert len({entry.anchor for entry in GLOSSARY}) == len(GLOSSARY)


@BY_NAME
def test_every_form_finds_its_word(entry):
    assert {word(form) for form in (entry.name, *entry.forms)} == {entry}


def test_an_unknown_word_is_an_error():
    with pytest.raises(KeyError):
        word("blockchain")


@BY_NAME
def test_a_meaning_is_a_few_whole_sentences(entry):
    assert entry.meaning.endswith(".")
    assert 20 < len(entry.meaning) < 260


@BY_NAME
def test_the_page_that_says_more_exists(entry):
    assert not entry.page or (ROOT / "docs" / entry.page).exists()
