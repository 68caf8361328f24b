"""What timed calls return is what was checked, or it is the verdict of their cell; and so it is with the clocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import PLUGINS

import convbench
from convbench.plan.items import CellKey
from convbench.run.timing.known_results import KnownResults
from convbench.run.timing.timed_results import (
    FEWEST_IDLE_SAMPLES,
    FEWEST_SAMPLES,
    TOLERATED_S,
    ClockReading,
    Clocks,
)

KEY = CellKey("w", "c", "float32", 1, "mine", "forward")
CASES = PLUGINS / "unsteady.toml"


def _disagreement(readings):
    clocks = Clocks()
    for reading in readings:
        clocks.add(KEY, ClockReading(*reading))
    return clocks.disagreement(KEY)


SECONDS = st.floats(1e-4, 1.0)


@given(st.lists(st.tuples(SECONDS, st.floats(0.0, 1.0), st.floats(0.0, TOLERATED_S * 0.9)), min_size=1, max_size=9))
def test_a_clock_that_tells_of_all_work_is_believed(samples):
    assert not _disagreement((told + message, told, use * told + message) for told, use, message in samples)


@given(st.lists(st.tuples(SECONDS, st.floats(0.0, 1.0)), min_size=FEWEST_IDLE_SAMPLES, max_size=9), st.integers(0, 8))
def test_a_worker_that_waits_for_a_core_is_believed_if_it_once_did_not(samples, undisturbed):
    readings = [(told + waited, told, told) for told, waited in samples]
    told = samples[undisturbed % len(samples)][0]
    readings[undisturbed % len(samples)] = (told * 1.5, told, told)
    assert not _disagreement(readings)


@given(st.floats(0.02, 1.0), st.floats(1.5, 1000.0))
def test_a_clock_that_runs_slowly_or_fast_is_found(seconds, factor):
    for told in (seconds / factor, seconds * factor):
        readings = [(seconds, told, seconds)] * FEWEST_SAMPLES
        assert "the host measured" in _disagreement(readings)
        assert not _disagreement(readings[1:]), "fewer samples may be chance"


@given(st.floats(0.02, 1.0), st.floats(3.0, 1000.0))
def test_a_slow_clock_is_found_of_a_backend_that_sleeps(seconds, factor):
    assert "the host measured" in _disagreement([(seconds, seconds / factor, 0.0)] * FEWEST_IDLE_SAMPLES)


def test_a_result_is_known_by_its_data_set():
    known = KnownResults()
    known.learn(KEY, [{"y": 1}, {"y": 2}])
    assert known.has(KEY, 0, {"y": 1})
    assert not known.has(KEY, 1, {"y": 1})
    known.add(KEY, 1, {"y": 3})  # rounded in another way, and right
    assert known.has(KEY, 1, {"y": 2})
    assert known.has(KEY, 1, {"y": 3})
    assert not known.has(KEY._replace(pass_name="both"), 0, {"y": 1})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return convbench.compare(
        str(CASES),
        plugins=[str(PLUGINS / "unsteady.py")],
        backends=["steady", "rounds-differently", "tires-late", "stale", "slow-clock", "replaced-clock", "no-update"],
        batch_sizes=[1],
        passes=["forward"],
        blocks=2,
        rounds=4,
        memory=False,
        sample_s=0.005,
        threads=1,
        output=tmp_path_factory.mktemp("runs") / "unsteady",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "status", "finding"),
    [
        ("steady", "ok", ""),
        ("no-update", "ok", ""),
        ("rounds-differently", "ok", ""),
        ("replaced-clock", "ok", ""),
        ("tires-late", "wrong", "changes_after_calls"),
        ("stale", "wrong", "changes_after_calls"),
        ("slow-clock", "wrong", "clock"),
    ],
)
def test_a_run_says_what_is_wrong_with_timed_calls(run, backend, status, finding):
    (cell,) = run.measurements[run.measurements["backend"] == backend].to_dict("records")
    assert (cell["status"], cell["finding"]) == (status, finding), cell["reason"]


@pytest.mark.slow
def test_a_clock_that_was_replaced_in_the_module_time_changes_no_measurement(run):
    seconds = run.measurements.set_index("backend")["median_s"]
    assert seconds["replaced-clock"] > seconds["steady"] / 20


@pytest.mark.slow
def test_what_was_found_when_timing_is_not_ranked(run):
    cells = run.measurements.set_index("backend")
    assert set(cells["fastest"].dropna()) - {""} <= {"steady", "no-update", "rounds-differently", "replaced-clock"}
    assert cells.loc[["tires-late", "stale", "slow-clock"], "ratio"].isna().all()
    assert cells.loc[["steady", "no-update"], "ratio"].notna().all()
