"""Labels of runs are unique and as short as can be, and a run stands once."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_run import plant_run

import convbench
from convbench.results.runs import run_labels

parts = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)


@given(st.lists(parts.map(tuple), min_size=1, max_size=6, unique=True))
def test_labels_differ_and_are_ends_of_their_paths(paths):
    folders = [PurePosixPath("/", *path) for path in paths]
    labels = run_labels(folders)
    assert len(set(labels)) == len(labels)
    assert all(str(folder).endswith(label) for folder, label in zip(folders, labels, strict=True))


def test_a_name_that_no_other_has_is_the_label():
    assert run_labels([PurePosixPath("/x/one"), PurePosixPath("/x/two")]) == ("one", "two")


def test_a_run_named_twice_is_refused(tmp_path):
    folder = plant_run(tmp_path / "run", machine="box", seconds=1.0)
    with pytest.raises(convbench.UsageError, match="named twice"):
        convbench.load_runs([folder, tmp_path / "." / "run"])


def test_a_frame_has_the_rows_of_each_run_and_no_others(tmp_path):
    folders = [plant_run(tmp_path / name, machine="box", seconds=1.0) for name in ("one", "two")]
    runs = convbench.load_runs(folders)
    for label, run in zip(runs.labels, runs, strict=True):
        own = runs.measurements[runs.measurements["run"] == label].reset_index(drop=True)
        assert own.drop(columns=["run", "machine"]).equals(run.measurements)
