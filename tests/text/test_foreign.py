"""Whatever somebody else wrote: after cleaning it moves no cursor, hides nothing, can be encoded, and has an end."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from convbench.text.foreign import LONGEST, clean, clean_lines, each_text, visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
TEXT = st.text(st.characters(codec=None), max_size=300)


def hidden_in(text):
    return [each for each in text if unicodedata.category(each) in HIDDEN]


@given(TEXT)
def test_a_line_is_one_visible_line_that_can_be_encoded(text):
    line = clean(text)
    assert hidden_in(line) == []
    assert len(line) <= LONGEST
    line.encode()


@given(TEXT)
def test_lines_stay_lines_and_all_else_is_visible(text):
    for cleaned in (clean_lines(text), visible(text)):
        assert set(hidden_in(cleaned)) <= {"\n"}
        cleaned.encode()


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=100).filter(lambda text: "  " not in text))
def test_plain_text_stays_as_it_is(text):
    assert clean(text) == text == visible(text)


def test_what_takes_over_a_terminal_is_shown_in_place_of_done():
    assert clean("\x1b[2J\x1b]0;owned\x07") == r"\x1b[2J\x1b]0;owned\x07"
    assert clean("a\u202eb\udcffc\x00") == r"a\u202eb\udcffc\x00"


def test_marks_that_pile_up_on_a_letter_are_escaped():
    assert clean("e\u0301") == "e\u0301"
    assert clean("e" + "\u0301" * 50).count("\u0301") <= 4


def test_values_are_changed_wherever_they_stand_but_under_the_named_keys():
    given_values = {"a\x07": ["\x1b"], "path": {"y": "\x1b"}, "n": 1}
    found = each_text(given_values, lambda text, key: clean(text), verbatim=frozenset({"path"}))
    assert found == {r"a\x07": [r"\x1b"], "path": {"y": "\x1b"}, "n": 1}
