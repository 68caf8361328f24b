"""What the settings of a run left out is said with the option that brings it back."""

from __future__ import annotations

import pandas as pd
from fake_run import cell, unmeasured
from hypothesis import given
from hypothesis import strategies as st

from convbench.plan.settings import QUICK
from convbench.report.views.left_out import left_out_lines, rounded_up

SETTINGS = {"budget_s": 0.3, "within_s": 112.0, "passes": ["forward"], "timing": True}


def skipped(backend, needed_budget_s=float("nan"), reason="predicted (--budget)"):
    return unmeasured("conv1", 8, backend, "forward", "skipped", reason) | {"needed_budget_s": needed_budget_s}


def lines(*rows, **settings):
    frame = pd.DataFrame([cell("conv1", 1, "fast", "forward"), *rows])
    return left_out_lines(frame, **(SETTINGS | settings))


def test_cells_over_the_budget_come_with_the_budgets_that_bring_them_back():
    (said,) = lines(*[skipped("slow", needed) for needed in (0.5, 1.0, 2.0, 50.0)], skipped("steady", 3.0))
    assert said == (
        "5 cells were skipped (slow 4, steady 1), because their calls would cost more than 0.3 s a cell: "
        "--budget 2.2 brings half of them back, --budget 55 all."
    )
    (said,) = lines(skipped("slow", 0.5))
    assert said.endswith("--budget 0.55 brings it back.")


def test_cells_that_had_no_time_come_with_the_option_for_more():
    (said,) = lines(skipped("slow", reason="left out to end within 112 s, the dearest first (--within)"))
    assert "left out (slow 1) to end within 112 s: --within gives more time" in said


def test_a_pass_that_is_not_measured_by_default_is_named_unless_the_user_chose():
    (said,) = lines(passes=list(QUICK.passes))
    assert said == "Not measured by default: both (--passes forward,backward,both)."
    assert lines() == []
    assert lines(passes=list(QUICK.passes), timing=False) == []


def test_a_run_of_an_older_version_says_nothing():
    assert left_out_lines(pd.DataFrame([cell("conv1", 1, "fast", "forward")])) == []


@given(st.floats(1e-4, 1e4))
def test_a_budget_is_never_told_too_small_nor_much_too_large(seconds):
    assert 1.099 * seconds <= float(rounded_up(seconds)) <= 1.22 * seconds
