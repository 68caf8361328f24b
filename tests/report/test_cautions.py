"""What must be known of the times is said, and nothing where there is nothing to say."""

from __future__ import annotations

import pandas as pd
import pytest

from convbench.report.cautions import cautions

CALM = {"backend": "mine", "median_s": 0.01, "effective_threads": 2.0, "steady": True, "contended": 0, "samples": 15}


NO_SAMPLES = pd.DataFrame(columns=["elapsed_s", "loops"])


def _said(*rows, threads=2, samples=NO_SAMPLES):
    return list(cautions(pd.DataFrame([CALM | row for row in rows]), samples, threads))


def test_a_calm_run_needs_no_caution():
    assert _said({}, {"backend": "other"}) == []


def test_cells_that_still_got_faster_are_counted_with_their_backends():
    (said,) = _said({}, {"backend": "jit", "steady": False})
    assert said.startswith("1 of 2 cells were still becoming faster")
    assert "jit" in said


def test_disturbed_samples_are_told_as_a_share():
    (said,) = _said({"contended": 5}, {"contended": 1})
    assert "20% of the samples" in said


def test_slow_cores_are_told_as_a_share_of_the_samples_after_which_they_were_looked_at():
    (said,) = _said({"slow_core": 6.0}, {"slow_core": 3.0}, {"slow_core": float("nan")})
    assert said.startswith("After 30% of the samples a core needed over 1.4 times its best")
    assert _said({"slow_core": 1.0}, {"slow_core": 1.0}) == []


def _samples(column, disturbed, times):
    """Ten blocks of a cell with four samples each, of which one was disturbed and took `times` as long."""
    cell = {"workload": "w", "case": "c", "dtype": "float32", "batch_size": 1, "backend": "mine", "pass": "forward"}
    return pd.DataFrame(
        [
            cell
            | {"block": block, "loops": 10, "elapsed_s": 0.1 * (1 if turn else times), column: not turn and disturbed}
            for block in range(10)
            for turn in range(4)
        ]
    )


@pytest.mark.parametrize("times", [1.0, 1.25, 3.0])
def test_by_how_much_a_disturbance_moved_the_times_is_measured_in_the_run(times):
    (said,) = _said({"contended": 5}, samples=_samples("contended", disturbed=True, times=times))
    assert f"these took {times:.2f} times as long as others of their block" in said
    (said,) = _said({"slow_core": 9.0}, samples=_samples("core_slowdown", disturbed=2.0, times=times))
    assert f"these took {times:.2f} times as long as others of their block" in said


def test_a_disturbance_that_never_let_go_is_told_without_a_comparison():
    samples = _samples("contended", disturbed=True, times=2.0)
    (said,) = _said({"contended": 5}, samples=samples[samples["contended"].astype(bool)])
    assert "times as long" not in said


def test_unsteady_cells_say_by_how_much_their_times_changed():
    (said,) = _said({"backend": "jit", "steady": False, "drift": -0.034})
    assert "their times changed by -3.4% in the median" in said


def test_a_backend_that_does_not_obey_the_thread_count_is_named_with_what_it_used():
    more, fewer = _said({"effective_threads": 2.2}, {"backend": "other", "effective_threads": 1.0})
    assert "more cores than the 2 requested" in more
    assert "mine 2.2" in more
    assert "fewer" in fewer
    assert "other 1.0" in fewer


def test_calls_too_short_for_threads_say_nothing_about_them():
    assert _said({"effective_threads": 1.0, "median_s": 1e-5}) == []


def test_cells_without_a_time_say_nothing():
    assert _said({"median_s": float("nan"), "steady": False, "effective_threads": 7.0}) == []
