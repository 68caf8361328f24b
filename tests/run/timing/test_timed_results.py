"""What timed calls return is what was checked, or it is the verdict of their cell; and so it is with the clocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import PLUGINS

import convbench
from convbench.plan.items import CellKey
from convbench.run.timing.known_results import KnownResults
from convbench.run.timing.timed_results import FEWEST_SAMPLES, UNEXPLAINED_S, Clocks
from convbench.workers import protocol

KEY = CellKey("w", "c", "float32", 1, "mine", "forward")
CASES = PLUGINS / "unsteady.toml"


def _sample(elapsed_s, settled_s=0.0, digest_s=0.0):
    return protocol.Sampled(
        loops=1, elapsed_s=elapsed_s, cpu_s=0.0, minor_faults=0, involuntary_switches=0, waited_s=None,
        settled_s=settled_s, digest_s=digest_s,
    )  # fmt: skip


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=9), st.floats(0.0, UNEXPLAINED_S * 0.9), st.booleans())
def test_clocks_that_agree_but_for_what_a_message_costs_are_believed(seconds, message_s, contended):
    clocks = Clocks()
    for each in seconds:
        clocks.add(KEY, each + message_s, _sample(0.5 * each, 0.3 * each, 0.2 * each), contended=contended)
    assert not clocks.disagreement(KEY)


@pytest.mark.parametrize(("contended", "least"), [(False, 1.5), (True, 3.0)])
@given(st.floats(0.01, 1.0), st.floats(1.0, 1000.0))
def test_a_clock_that_runs_slowly_or_fast_is_found(contended, least, seconds, more):
    factor = least * more
    for told in (seconds / factor, seconds * factor):
        clocks = Clocks()
        for number in range(FEWEST_SAMPLES):
            assert not clocks.disagreement(KEY), f"{number} samples may be chance"
            clocks.add(KEY, seconds, _sample(told), contended=contended)
        assert "the host waits" in clocks.disagreement(KEY)


@pytest.mark.parametrize("contended", [False, True])
def test_disturbed_samples_say_nothing(contended):
    clocks = Clocks()
    for host_s in (0.01, 0.5, 0.01, 0.01):
        clocks.add(KEY, host_s, _sample(0.0099), contended=contended)
    for _ in range(10):
        clocks.add(KEY, 0.5, _sample(0.0099), contended=True)
    assert not clocks.disagreement(KEY)


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


def test_a_clock_that_was_replaced_in_the_module_time_changes_no_measurement(run):
    seconds = run.measurements.set_index("backend")["median_s"]
    assert seconds["replaced-clock"] > seconds["steady"] / 20


def test_what_was_found_when_timing_is_not_ranked(run):
    cells = run.measurements.set_index("backend")
    assert set(cells["fastest"].dropna()) - {""} <= {"steady", "no-update", "rounds-differently", "replaced-clock"}
    assert cells.loc[["tires-late", "stale", "slow-clock"], "ratio"].isna().all()
    assert cells.loc[["steady", "no-update"], "ratio"].notna().all()
