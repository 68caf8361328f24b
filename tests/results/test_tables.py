"""A CSV file of a run, read back, is the frame that the run gives, with every type."""

from __future__ import annotations

import pandas as pd
import pytest
from paths import RUNS
from shown_run import write_run

import convbench
from convbench.errors import UsageError
from convbench.report.files import write_csv, write_reports
from convbench.results.columns import MEASUREMENTS
from convbench.results.runs import Runs


@pytest.fixture(scope="module", params=[*sorted(folder.name for folder in RUNS.iterdir()), "shown"])
def run_and_files(request, tmp_path_factory):
    files = tmp_path_factory.mktemp("files")
    run = write_run(files / "run") if request.param == "shown" else convbench.load_run(RUNS / request.param)
    write_reports([run], files)
    return run, files


@pytest.mark.parametrize("table", ["measurements", "agreement", "networks", "largest_batches"])
def test_what_is_read_is_what_the_run_gives(run_and_files, table):
    run, files = run_and_files
    frame = getattr(Runs((run,)), table)
    if frame.empty:
        assert not (files / f"{table}.csv").exists() or table in {"agreement", "measurements"}
        return
    found = convbench.read_csv(files / f"{table}.csv")
    pd.testing.assert_frame_equal(found, frame.drop(columns="traceback", errors="ignore"), check_exact=True)


def test_empty_texts_stay_texts_and_flags_are_booleans_with_a_gap(tmp_path):
    cells = write_run(tmp_path / "run").measurements.assign(steady=[True, None, *[False] * 16])
    cells.astype({"steady": "boolean"}).to_csv(tmp_path / "measurements.csv", index=False)
    found = convbench.read_csv(tmp_path / "measurements.csv")
    texts = [column.name for column in MEASUREMENTS if column.dtype == "text" and column.name in found]
    assert all(isinstance(value, str) for name in texts for value in found[name])
    assert found["steady"].dtype == "boolean"
    assert found["steady"].isna().tolist() == [False, True, *[False] * 16]
    assert found.pass_name.tolist() == found["pass"].tolist()


@pytest.mark.parametrize("text", ["NA", "null", "None", "nan"])
def test_a_case_with_the_name_of_a_missing_value_stays_a_case(tmp_path, text):
    file = tmp_path / "networks.csv"
    file.write_text(f"workload,backend,time_s\n{text},b,\n")
    found = convbench.read_csv(file)
    assert found["workload"].tolist() == [text]
    assert found["time_s"].isna().all()


@pytest.mark.parametrize("text", ["=1+1", "-x", "@home", "'quoted'", "+"])
def test_a_text_that_was_kept_from_being_a_formula_is_the_text_again(tmp_path, text):
    frame = pd.DataFrame({"workload": [text], "backend": ["b"], "time_s": [1.0]})
    write_csv(frame, tmp_path / "networks.csv")
    pd.testing.assert_frame_equal(convbench.read_csv(tmp_path / "networks.csv"), frame)


@pytest.mark.parametrize(("content", "why"), [("a,b\n1,2\n", "is no table of a run"), ("", "cannot read .*columns")])
def test_a_file_that_is_none_of_a_run_is_refused(tmp_path, content, why):
    (tmp_path / "other.csv").write_text(content)
    with pytest.raises(UsageError, match=why):
        convbench.read_csv(tmp_path / "other.csv")


def test_a_file_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none\.csv"):
        convbench.read_csv(tmp_path / "none.csv")
