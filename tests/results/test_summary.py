"""Who is right, who is fastest, and what is left out, on runs of which the answer is known."""

import numpy as np
import pandas as pd
import pytest
from fake_run import BATCH_SIZES, CASES, PASSES, agreement, cell, measurements, report_input, unmeasured
from hypothesis import given
from hypothesis import strategies as st

from convbench.plan.status import CELL_STATUSES
from convbench.report.inputs import AGREEMENT_COLUMNS, MEASUREMENT_COLUMNS
from convbench.report.views.headline import headline
from convbench.results.summary import (
    GROUP,
    backend_verdicts,
    geometric_means,
    not_computed,
    not_ranked,
    pair_agreement,
    rank,
    status_counts,
)


@pytest.fixture(scope="module")
def cells():
    return measurements()


def test_cases_that_nobody_computed_are_told_with_every_reason_once():
    def unsupported(case, batch_size, backend, reason):
        return unmeasured(case, batch_size, backend, "forward", "unsupported", reason)

    rows = [unsupported("conv1", size, name, f"{name} has none") for size in (1, 8) for name in ("slow", "fast")]
    rows += [unsupported("pool1", 1, name, f"{name} has none") for name in ("slow", "fast")]
    rows += [unsupported("flat", 1, "slow", "slow has none"), cell("flat", 1, "fast", "forward")]
    (told,) = not_computed(pd.DataFrame(rows)).to_dict("records")
    assert told == {
        "cases": ("conv1 (float32)", "pool1 (float32)"),
        "reasons": "slow: unsupported: slow has none; fast: unsupported: fast has none",
    }
    assert not_computed(measurements()).empty
    late = [
        unsupported(case, 1, name, "left out") for case in ("conv1", "pool1") for name in ("slow", "fast", "steady")
    ]
    (told,) = not_computed(pd.DataFrame(late)).to_dict("records")
    assert told["reasons"] == "all backends: unsupported: left out"
    others = [cell("flat", 1, "broken", "forward")]
    (told,) = not_computed(pd.DataFrame(late + others)).to_dict("records")
    assert told["reasons"] == "slow, fast, steady: unsupported: left out"


def test_every_group_with_a_right_cell_has_one_fastest(cells):
    ranked = rank(cells)
    assert (ranked.groupby(GROUP)["place"].min() == 1).all()
    assert (ranked["place"] == 1).sum() == len(CASES) * len(BATCH_SIZES) * len(PASSES)
    assert (ranked["ratio"] >= 1).all()


def test_a_wrong_cell_is_never_ranked_however_fast(cells):
    ranked = rank(cells)
    wrong = cells[cells["status"] == "wrong"]
    assert len(wrong)
    assert not set(wrong.index) & set(ranked.index)
    winners = ranked[(ranked["case"] == "conv1") & (ranked["pass"] == "backward")]["fastest"]
    assert set(winners) == {"fast"}


@pytest.mark.parametrize("verdict", ["disagrees", "untrusted", ""])
def test_a_cell_that_is_not_proven_right_is_never_ranked(verdict):
    frame = pd.DataFrame([cell("conv1", 1, "fast", "forward"), cell("conv1", 1, "broken", "forward", verdict=verdict)])
    assert rank(frame)["backend"].tolist() == ["fast"]


def test_the_ratio_of_twice_the_time_is_two_within_its_interval(cells):
    ranked = rank(cells)
    steady = ranked[(ranked["backend"] == "steady") & (ranked["fastest"] == "fast")]
    np.testing.assert_allclose(steady["ratio"], 2.0)
    assert ((steady["ratio_low"] < 2.0) & (steady["ratio_high"] > 2.0)).all()
    assert not steady["tied"].any()


def test_overlapping_cells_are_tied_and_a_missing_interval_is_not():
    near = {"median_s": 1.005e-5, "ci_low_s": 0.99e-5, "ci_high_s": 1.02e-5}
    unknown = {"median_s": 1.006e-5, "ci_low_s": float("nan"), "ci_high_s": float("nan")}
    frame = pd.DataFrame(
        [cell("conv1", 1, name, "forward", **columns) for name, columns in
         (("fast", {}), ("steady", near), ("slow", unknown))]
    )  # fmt: skip
    ranked = rank(frame).set_index("backend")
    assert ranked["tied"].to_dict() == {"fast": True, "steady": True, "slow": False}
    assert np.isnan(ranked.loc["slow", "ratio_low"])


@given(st.floats(1.0, 1e3), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_an_interval_of_a_ratio_holds_the_ratio(factor, below, above):
    interval = {"ci_low_s": 1e-5 * factor * (1 - below), "ci_high_s": 1e-5 * factor * (1 + above)}
    frame = pd.DataFrame(
        [cell("conv1", 1, "fast", "forward"), cell("conv1", 1, "slow", "forward", median_s=1e-5 * factor, **interval)]
    )
    ranked = rank(frame)
    assert (ranked["ratio_low"] <= ranked["ratio"] * (1 + 1e-12)).all()
    assert (ranked["ratio_high"] >= ranked["ratio"] * (1 - 1e-12)).all()


def test_a_geometric_mean_is_taken_over_groups_that_all_backends_have(cells):
    means = geometric_means(rank(cells)).set_index(["pass", "backend"])
    backward = means.loc["backward"]
    assert backward.loc[["fast", "steady"], "groups"].tolist() == [4, 4]
    assert backward.loc["fast", "ratio"] == pytest.approx(np.sqrt(2.0))  # the fastest in conv1, half as fast in pool1
    assert np.isnan(backward.loc["broken", "ratio"])
    assert backward.loc["broken", "coverage"] == 0.5


def test_a_lower_coverage_lets_in_a_backend_and_shrinks_the_groups(cells):
    means = geometric_means(rank(cells), least_coverage=0.5).set_index(["pass", "backend"])
    assert means.loc[("forward", "slow"), "groups"] == 2
    assert (means.loc["forward", "groups"] == 2).all()


def test_status_counts_add_up_to_the_cells(cells):
    counts = status_counts(cells)
    assert counts.to_numpy().sum() == len(cells)
    assert counts.loc["absent", "unavailable"] == 12
    assert counts.loc["broken", "wrong"] == 4


def test_a_pair_has_the_verdict_of_its_worst_tensor():
    pairs = pair_agreement(agreement()).set_index(["left", "right"])
    assert pairs.loc[("broken", "oracle"), "verdict"] == "disagrees"
    assert pairs.loc[("broken", "oracle"), "bound_multiple"] == 4321.0
    assert pairs.loc[("fast", "oracle"), "verdict"] == "agrees"


def test_untrusted_comparisons_prove_nothing_but_spoil_nothing():
    frame = agreement()
    frame.loc[(frame["left"] == "fast") & (frame["right"] == "oracle"), "verdict"] = "untrusted"
    frame.loc[frame.index[(frame["left"] == "slow") & (frame["right"] == "oracle")][0], "verdict"] = "untrusted"
    verdicts = backend_verdicts(measurements(), frame).set_index("backend")
    assert verdicts.loc["fast", "verdict"] == "untrusted"
    assert verdicts.loc["slow", "verdict"] == "right"
    assert verdicts.loc["slow", "untrusted"] == 1


def test_a_backend_is_right_wrong_or_not_checked(cells):
    verdicts = backend_verdicts(cells, agreement()).set_index("backend")["verdict"]
    assert verdicts.to_dict() == {"fast": "right", "steady": "right", "slow": "right", "broken": "wrong", "absent": ""}


def test_every_cell_is_ranked_or_listed_with_its_reason(cells):
    assert len(rank(cells)) + not_ranked(cells)["cells"].sum() == len(cells)


def test_a_cell_that_an_interrupted_run_did_not_reach_is_listed(cells):
    interrupted = cells.assign(median_s=cells["median_s"].where(cells.index != 0))
    listed = not_ranked(interrupted)
    assert listed[listed["status"] == "not measured"]["cells"].tolist() == [1]
    assert len(rank(interrupted)) + listed["cells"].sum() == len(cells)


def test_a_run_that_only_checks_lists_no_cell_as_not_measured(cells):
    assert "not measured" not in set(not_ranked(cells.assign(median_s=float("nan")))["status"])


def test_reasons_that_differ_in_numbers_only_are_listed_once(cells):
    listed = not_ranked(cells)
    skipped = listed[listed["status"] == "skipped"]
    assert len(skipped) == 1
    assert skipped["cells"].item() == 6
    assert skipped["reasons"].item() == 3
    assert skipped["passes"].item() == PASSES
    assert listed["status"].tolist() == ["wrong", "skipped", "unavailable"]


@pytest.mark.parametrize("status", CELL_STATUSES[1:])
def test_every_status_is_listed(status):
    listed = not_ranked(pd.DataFrame([unmeasured("conv1", 1, "fast", "forward", status, "because")]))
    assert listed[["status", "reason", "cells"]].to_numpy().tolist() == [[status, "because", 1]]


def test_a_run_without_cells_has_an_empty_summary():
    frame, pairs = (pd.DataFrame(columns=list(columns)) for columns in (MEASUREMENT_COLUMNS, AGREEMENT_COLUMNS))
    ranked = rank(frame)
    assert ranked.empty
    assert geometric_means(ranked).empty
    assert status_counts(frame).empty
    assert not_ranked(frame).empty
    assert headline(backend_verdicts(frame, pairs), ranked, []).right == "No backend was checked."


def test_the_headline_says_who_is_wrong_fastest_and_absent():
    run = report_input()
    verdicts = backend_verdicts(run.measurements, run.agreement)
    said = headline(verdicts, rank(run.measurements), run.backends)
    assert said.right == "3 of 4 backends are right; broken is wrong."
    assert said.fastest.startswith("broken is the fastest right backend most often: in 8 of 12 comparisons")
    assert said.absent == "absent could not run here."


def test_a_frame_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match="measurements lacks the columns median_s"):
        report_input(measurements=measurements().drop(columns="median_s"))
