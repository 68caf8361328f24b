"""A history keeps machines apart, has the runs in order of time, and marks the steps that are there and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import Made

from convbench.errors import UsageError
from convbench.report.history.page import render_history
from convbench.results.history import history
from convbench.results.history.steps import find_steps


@given(place=st.integers(5, 15), step=st.sampled_from([-0.5, 0.3, 0.8]), seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_a_step_is_found_where_it_is(place, step, seed):
    x = np.random.default_rng(seed).normal(0.0, 0.03, 20)
    x[place:] += step
    found = find_steps(x, 0.05)
    assert [each.place for each in found] == [place]
    assert found[0].after - found[0].before == pytest.approx(step, abs=0.06)


def test_noise_has_no_steps_nor_has_a_single_bad_run():
    random = np.random.default_rng(0)
    assert sum(bool(find_steps(random.laplace(0, 0.05, 15), 0.05)) for _ in range(100)) <= 3
    x = random.normal(0.0, 0.01, 15)
    x[7] += 2.0
    assert find_steps(x, 0.05) == []


def test_equal_values_and_short_series_have_none():
    assert find_steps([1.0] * 20, 0.05) == []
    assert find_steps([0.0, 9.0, 0.0, 9.0], 0.05) == []


def test_machines_are_kept_apart_and_runs_are_in_order_of_time(tmp_path):
    for day in (3, 1, 2, 5, 4, 6):
        slow = day > 3
        Made(
            cases=("conv1",), backends={"left": "2" if slow else "1"}, seed=day,
            started=f"2026-11-0{day}T12:00:00+00:00", factors={("conv1", "left"): 1.5 if slow else 1.0},
        ).store(tmp_path / "nested" / str(day))  # fmt: skip
    Made(cases=("conv1",), machine={"processor": "another"}).store(tmp_path / "other")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    found = history(tmp_path)
    assert [len(machine.runs) for machine in found.machines] == [6, 1]
    assert len(found.skipped) == 1
    machine = found.machines[0]
    assert [moment.folder[-1] for moment in machine.runs] == list("123456")
    for series in machine.series:
        (step,) = series.steps
        assert (step.run, step.version_before, step.version) == (3, "1", "2")
        assert step.ratio == pytest.approx(1.5, rel=0.05)
    page = render_history(found)
    assert "<script" not in page
    assert "left 2" in page


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no run with times below"):
        history(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        history(tmp_path / "missing")
