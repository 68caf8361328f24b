"""What must be known of the times is said, and nothing where there is nothing to say."""

from __future__ import annotations

import pandas as pd

from convbench.report.cautions import cautions

CALM = {"backend": "mine", "median_s": 0.01, "effective_threads": 2.0, "steady": True, "contended": 0, "samples": 15}


def _said(*rows, threads=2):
    return list(cautions(pd.DataFrame([CALM | row for row in rows]), threads))


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
