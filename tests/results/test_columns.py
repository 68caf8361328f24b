"""The declared columns are those of the frames, and the tables of the documentation say what is declared."""

from __future__ import annotations

import pytest
from paths import RUNS
from result_tables import FRAMES, PAGE, places, table, with_tables

import convbench
from convbench.plan.status import CELL_STATUSES
from convbench.results.columns import MEASUREMENTS, Column, names

UNITS = {
    "flops_per_byte": "FLOP/byte",
    "gflops_per_s": "GFLOP/s",
    "gbytes_per_s": "GB/s",
    "flops": "FLOP",
    "bytes": "bytes",
    "ratio": "ratio",
    "s": "s",
}
"""Units by the last words of a name, the more special ones first."""
OTHER_NAMES = {"bytes_an_instance": "bytes"}
"""Names that hold their unit elsewhere."""
each_frame = pytest.mark.parametrize("frame", FRAMES)


def _unit_in_name(name):
    return OTHER_NAMES.get(name) or next(
        (unit for words, unit in UNITS.items() if name == words or name.endswith(f"_{words}")), None
    )


@each_frame
def test_units_in_names_are_the_declared_ones(frame):
    differing = [c.name for c in FRAMES[frame] if _unit_in_name(c.name) not in (None, c.unit)]
    assert not differing


@each_frame
def test_what_has_a_unit_of_its_own_says_so_in_its_name(frame):
    dimensionless = {"", "ratio", "probability", "count"}
    silent = [c.name for c in FRAMES[frame] if c.unit not in dimensionless and _unit_in_name(c.name) != c.unit]
    assert not silent


@each_frame
def test_names_are_unique(frame):
    declared = names(FRAMES[frame])
    assert len(set(declared)) == len(declared)


@each_frame
def test_a_meaning_is_one_line_of_whole_sentences(frame):
    for column in FRAMES[frame]:
        assert "\n" not in column.meaning
        assert column.meaning.endswith("."), column.name


@pytest.fixture(scope="module", params=sorted(RUNS.iterdir()), ids=lambda folder: folder.name)
def stored_run(request):
    return convbench.load_run(request.param)


@each_frame
def test_every_column_of_a_stored_run_is_declared(stored_run, frame):
    assert set(getattr(stored_run, frame).columns) <= set(names(FRAMES[frame]))


@each_frame
def test_a_stored_run_has_every_column_that_is_not_optional(stored_run, frame):
    always = {column.name for column in FRAMES[frame] if not column.optional}
    assert always <= set(getattr(stored_run, frame).columns)


def test_every_status_of_a_cell_is_explained():
    (status,) = (column for column in MEASUREMENTS if column.name == "status")
    assert all(f"`{name}`" in status.meaning for name in CELL_STATUSES)


def test_the_page_has_a_table_of_every_frame():
    assert places(PAGE.read_text(encoding="utf-8")) == list(FRAMES)


def test_the_tables_of_the_page_are_what_is_declared():
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run python tests/tools/result_tables.py"


def test_a_table_replaces_what_stands_at_its_place_and_nothing_else():
    page = "before\n<!-- columns: samples -->\nold\n<!-- end -->\nafter <!-- end -->\n"
    new = f"before\n<!-- columns: samples -->\n{table(FRAMES['samples'])}<!-- end -->\nafter <!-- end -->\n"
    assert with_tables(page) == new


def test_a_bar_in_a_meaning_does_not_end_its_field():
    column = Column(name="a", unit="", dtype="number", meaning="The sum of |a|.", optional=True)
    assert table([column]).splitlines()[2] == r"| a |  | number, optional | The sum of \|a\|. |"
