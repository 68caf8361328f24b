"""A terminal with few characters is shown what it can show, and no command ends for it."""

from __future__ import annotations

import io
import sys

from paths import RUNS

from convbench.cli.narrow_encoding import NEAREST, show_the_nearest
from convbench.report.terminal import print_run
from convbench.results.loading import load_run


def as_ascii(monkeypatch, show):
    """What a function prints to a standard output that is ASCII."""
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="ascii", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        show_the_nearest()
        show()
    return written.getvalue().decode("ascii")


def test_the_nearest_characters_stand_for_those_that_are_missing(monkeypatch):
    assert as_ascii(monkeypatch, lambda: print("3.5 µs ± 2 %, 2.1× … 漢")) == "3.5 us ~ 2 %, 2.1x . ?\n"


def test_each_is_one_character_so_that_tables_stay_in_line():
    assert all(len(left) == len(right) == 1 and right.isascii() for left, right in NEAREST.items())


def test_a_run_is_printed(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = as_ascii(monkeypatch, lambda: print_run(load_run(RUNS / "schema_4")))
    assert " us " in text
    assert max(map(len, text.splitlines()[:-1])) <= 80  # the last one is the path of the page


def test_a_terminal_with_all_characters_is_left_as_it_is(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", terminal)
    show_the_nearest()
    assert terminal.errors == "strict"
