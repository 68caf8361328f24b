"""pandas reads the Parquet file as the frame of the run, and the file says what each column is."""

from __future__ import annotations

import io
import json
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest
from paths import RUNS

from convbench.errors import UsageError
from convbench.report.export import export
from convbench.results.columns import MEASUREMENTS
from convbench.results.loading import load_run


@pytest.mark.parametrize("name", ["schema_1", "schema_2", "schema_3", "schema_4"])
def test_pandas_reads_the_measurements(name):
    run = load_run(RUNS / name)
    pd.testing.assert_frame_equal(_read(run), run.measurements, check_dtype=False)


def test_a_wrong_cell_has_its_status_beside_it(run):
    found = _read(run)
    pd.testing.assert_frame_equal(found, run.measurements, check_dtype=False)
    assert set(found.loc[found["backend"] == "hasty", "status"]) == {"wrong"}


def test_the_file_says_unit_and_meaning_of_each_column(run):
    schema = pq.read_schema(io.BytesIO(export(run, "parquet")))
    declared = {column.name: column for column in MEASUREMENTS}
    for field in schema:
        assert field.metadata[b"unit"].decode() == declared[field.name].unit
        assert field.metadata[b"meaning"].decode() == declared[field.name].meaning
    assert json.loads(schema.metadata[b"convbench"])["command"] == run.header["command"]


def test_without_pyarrow_one_line_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r'^parquet needs pyarrow: pip install "convbench\[parquet\]"$'):
        export(run, "parquet")


def _read(run):
    return pd.read_parquet(io.BytesIO(export(run, "parquet")))
