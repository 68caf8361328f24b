"""Where the fastest backend changes over batch sizes is said in words; a tie is no change."""

from __future__ import annotations

import re

import pytest
from fake_run import measurements
from hypothesis import given
from hypothesis import strategies as st

from convbench.report.views.across_batch_sizes import across_batch_sizes, in_words
from convbench.results.summary import rank

SIZES = (1, 2, 4, 8, 16)
BACKENDS = ("a", "b", "c")
TIED = st.lists(st.permutations(BACKENDS).flatmap(lambda names: st.sampled_from([names[:1], names[:2], names])),
                min_size=1, max_size=5).map(lambda rows: dict(zip(SIZES, rows, strict=False)))  # fmt: skip


@pytest.mark.parametrize(
    ("tied", "words"),
    [
        ({1: "a", 4: "a"}, "a is fastest at every batch size"),
        ({1: "a", 4: "b"}, "a is fastest at 1, b from 4 on"),
        ({1: "a", 4: "a", 16: "b"}, "a is fastest up to 4, b from 16 on"),
        ({1: "a", 4: "b", 8: "b", 16: "c"}, "a is fastest at 1, b from 4 to 8, c from 16 on"),
        ({1: "ab", 4: "b", 16: "b"}, "b is fastest at every batch size"),
        ({1: "a", 4: "ba", 16: "b"}, "a is fastest up to 4, b from 16 on"),
    ],
)
def test_the_words_are_these(tied, words):
    assert in_words(tied) == words


def _named(words, size):
    """Who the words say is the fastest at a batch size."""
    for part in words.replace(" is fastest", "").split(", "):
        name, _, where = part.partition(" ")
        numbers = [int(number) for number in re.findall(r"\d+", where)]
        low = numbers[0] if where.startswith(("at ", "from ")) and numbers else 0
        high = numbers[-1] if "on" not in where and numbers else max(SIZES)
        if low <= size <= high:
            return name
    raise AssertionError(f"{words}: nothing on {size}")


@given(TIED)
def test_whoever_is_named_is_the_fastest_or_tied_with_it(tied):
    words = in_words(tied)
    assert all(_named(words, size) in tied[size] for size in tied)


@given(TIED)
def test_no_change_is_told_that_a_tie_can_explain(tied):
    if common := set.intersection(*(set(names) for names in tied.values())):
        assert in_words(tied) in {f"{name} is fastest at every batch size" for name in common}


def test_cases_and_passes_with_the_same_words_are_one_sentence():
    view = across_batch_sizes(rank(measurements()))
    assert view.batch_sizes == [1, 8]
    assert [(sentence.passes, sentence.words, sentence.cases) for sentence in view.sentences()] == [
        (["forward"], "broken is fastest at every batch size", ("conv1", "pool1")),
        (["backward", "both"], "fast is fastest at every batch size", ("conv1",)),
        (["backward", "both"], "broken is fastest at every batch size", ("pool1",)),
    ]


def test_what_is_wrong_is_not_among_the_fastest():
    view = across_batch_sizes(rank(measurements()))
    wrong = [row for row in view.rows if row.label == "conv1" and row.pass_name == "backward"]
    assert {cell.backend for row in wrong for cells in row.cells.values() for cell in cells} == {
        "fast",
        "steady",
        "slow",
    }


def test_one_batch_size_has_nothing_to_tell():
    cells = measurements()
    assert not across_batch_sizes(rank(cells[cells["batch_size"] == 1])).rows
