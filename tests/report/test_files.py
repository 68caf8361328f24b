"""The tables that are written for spreadsheets."""

from __future__ import annotations

import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.report.files import write_csv


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Cells as a spreadsheet reads them from the file of one column."""
    path = tmp_path_factory.mktemp("csv") / "table.csv"

    def cells(values):
        write_csv(pd.DataFrame({"name": values}), path)
        with path.open(newline="", encoding="utf-8") as file:
            return [row[0] for row in csv.reader(file)][1:]

    return cells


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_no_text_is_a_formula_to_a_spreadsheet_and_none_is_lost(written, text):
    (cell,) = written([text])
    assert cell[0] not in "=+-@"
    assert cell.removeprefix("'") == text.removeprefix("'")


def test_numbers_keep_their_sign(written):
    assert written([-1.5, 2.0]) == ["-1.5", "2.0"]
    assert written([-1, None, "=1+1"]) == ["-1", "", "'=1+1"]
