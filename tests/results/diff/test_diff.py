"""What a diff of two runs says: what was planted is found, what was not is not, and bad input is refused in a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import Made

import convbench
from convbench.errors import RunError, UsageError
from convbench.results.columns import DIFF_CELLS, names
from convbench.results.diff import diff

LATER = "2026-11-20T13:00:00+00:00"
CASES = tuple(f"conv{number}" for number in range(6))
BASE = Made(cases=CASES)


def later(**changes):
    return replace(BASE, **{"started": LATER, "seed": 1} | changes)


def compared(base=BASE, new=None, **options):
    return diff(base.run("base"), (later() if new is None else new).run("new"), **options)


@given(seed=st.integers(0, 2**31), spread=st.sampled_from([0.0, 0.02, 0.06]), drift=st.floats(-0.2, 0.2))
@settings(max_examples=8, deadline=None)
def test_the_same_code_has_not_regressed_whatever_the_runs_do(seed, spread, drift):
    found = compared(replace(BASE, seed=seed), later(seed=seed + 1, run_spread=spread, drift=drift))
    assert found.verdict in {"passed", "unproven"}
    assert not found.has_failed
    if spread == 0.06:
        assert found.verdict == "unproven"


@given(seed=st.integers(0, 2**31), slower=st.sets(st.sampled_from(CASES), min_size=1, max_size=2))
@settings(max_examples=8, deadline=None)
def test_what_became_a_fifth_slower_is_found_and_nothing_else(seed, slower):
    new = later(seed=seed, factors={(case, "left"): 1.2 for case in slower}, drift=0.1)
    found = compared(replace(BASE, seed=seed + 1), new)
    assert found.verdict == "regressed"
    assert {(failure.kind, failure.case, failure.backend) for failure in found.failures} == {
        ("slower", case, "left") for case in slower
    }
    ratios = found.cells.loc[found.cells["speed"] == "slower", "ratio"]
    assert ratios.between(1.15, 1.25).all()


def test_a_common_drift_is_taken_off_and_told():
    found = compared(new=later(drift=np.log(1.1)))
    assert found.drift.ratio == pytest.approx(1.1, abs=0.01)
    assert found.drift.backends == ("left", "right", "other")
    assert found.verdict == "passed"
    assert found.cells["ratio"].between(0.95, 1.05).all()


def test_a_new_version_is_judged_by_those_that_stayed():
    new = later(backends={"left": "2", "right": "1", "other": "1"}, factors={(case, "left"): 1.2 for case in CASES})
    found = compared(new=new)
    assert found.drift.backends == ("right", "other")
    assert found.count("speed", "slower") == 3 * len(CASES)
    assert [(each.what, each.base, each.new) for each in found.versions] == [("backend left", "1", "2")]


@pytest.mark.parametrize(
    "changes",
    [{"packages": {"convbench": "0.2.0"}}, {"machine": {"python": "CPython 3.13.0"}},
     {"backends": {"left": "2", "right": "2", "other": "2"}}],
)  # fmt: skip
def test_where_nothing_stayed_the_same_a_slowdown_is_unproven(changes):
    found = compared(new=later(factors={(case, "left"): 2.0 for case in CASES}, **changes))
    assert (found.verdict, found.drift, found.has_failed) == ("unproven", None, False)
    assert set(found.cells["speed"]) == {"inconclusive"}


def test_a_backend_that_is_named_as_changed_does_not_tell_the_drift():
    found = compared(new=later(factors={(case, "left"): 1.2 for case in CASES}), changed=["left"])
    assert found.drift.backends == ("right", "other")
    with pytest.raises(UsageError, match="unknown backend of --changed 'lef'; did you mean left"):
        compared(changed=["lef"])


def test_right_to_wrong_fails_whatever_the_speed_and_names_the_tensor():
    found = compared(new=later(wrong={("conv1", "left"): "dw"}, factors={("conv1", "left"): 0.5}))
    assert {failure.kind for failure in found.failures} == {"right to wrong"}
    assert all("dw" in failure.text for failure in found.failures)
    cells = found.cells[(found.cells["case"] == "conv1") & (found.cells["backend"] == "left")]
    assert set(cells["speed"]) == {""}


def test_wrong_to_right_is_told_and_does_not_fail():
    found = compared(replace(BASE, wrong={("conv1", "left"): "dw"}), later())
    assert not found.has_failed
    assert found.count("correctness", "wrong to right") == 3


def test_what_computed_and_now_crashes_fails():
    found = compared(new=later(crashed=(("conv1", "left"),)))
    assert {failure.kind for failure in found.failures} == {"right to failed"}


@pytest.mark.parametrize(
    ("source", "before", "after", "told"),
    [
        ("resident", 100 * 2**20, 110 * 2**20, "more"),
        ("resident", 100 * 2**20, 104 * 2**20, "same"),
        ("resident", 100 * 2**20, 80 * 2**20, "less"),
        ("resident", 2**20, 4 * 2**20, "same"),
        ("resident, below floor", 2**20, 4 * 2**20, "same"),
        ("arena", 2**20, 4 * 2**20, "more"),
        ("arena", 2**20, 2**20 + 2**19, "same"),
    ],
)
def test_memory_is_compared_by_a_margin_of_its_own(source, before, after, told):
    where = ("conv1", "left")
    base = replace(BASE, peaks={where: before}, memory_source=source)
    found = compared(base, later(peaks={where: after}, memory_source=source))
    assert found.count("memory", told) == 3
    assert found.has_failed == (told == "more")


def test_cells_without_a_partner_are_named_with_the_reason():
    new = later(cases=(*CASES[1:], "extra"), backends={"left": "1", "right": "1"})
    found = compared(new=new)
    rows = {(row.side, row.case, row.backend) for row in found.unmatched.itertuples()}
    assert ("base", "conv0", "left") in rows
    assert ("new", "extra", "left") in rows
    assert ("base", "conv1", "other") in rows
    assert len(found.cells) == 3 * 2 * (len(CASES) - 1)


def test_a_case_of_the_same_name_with_another_shape_is_another_case():
    with pytest.raises(UsageError, match="have no cell in common: the cases are defined otherwise"):
        compared(new=later(input_size=9))


def test_the_margin_is_the_largest_of_both_floors_and_what_was_asked_for():
    assert compared(replace(BASE, floor=0.08), later(floor=0.12)).margin == 0.12
    assert compared(fail_above=0.3).margin == 0.3
    assert not compared(new=later(factors={("conv1", "left"): 1.2}), fail_above=0.5).has_failed


def test_columns_are_those_that_are_declared():
    assert tuple(compared().cells.columns) == names(DIFF_CELLS)


def test_two_entrants_of_one_run_are_paired():
    made = replace(BASE, factors={("conv1", "right"): 1.2})
    found = diff(made.run(), left="left", right="right")
    assert found.is_paired
    assert found.drift is None
    assert {(failure.kind, failure.case, failure.backend) for failure in found.failures} == {
        ("slower", "conv1", "right")
    }
    assert found.verdict == "regressed"
    turned = diff(made.run(), left="right", right="left")
    assert not turned.has_failed
    assert turned.count("speed", "faster") == 3


def test_entrants_are_held_to_right_and_wrong():
    found = diff(replace(BASE, wrong={("conv1", "right"): "dx"}).run(), left="left", right="right")
    assert {failure.kind for failure in found.failures} == {"right to wrong"}
    assert all("dx" in failure.text for failure in found.failures)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"machine": {"processor": "another"}}, "machine's processor was a processor and is another"),
        ({"settings": {"threads": 1}}, "the threads was 2 and is 1"),
        ({"settings": {"allocator": "tuned"}}, "the allocator was default and is tuned"),
        ({"settings": {"cache": "cold"}}, "the cache was hot and is cold"),
        ({"settings": {"device": "cuda"}}, "the device was cpu and is cuda"),
        ({"interrupted": True}, "new was interrupted: go on with"),
    ],
)
def test_runs_that_are_not_alike_are_refused_unless_forced(changes, message):
    with pytest.raises(UsageError, match=message):
        compared(new=later(**changes))
    assert compared(new=later(**changes), force=True).notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"left": "left"}, "--left needs --right"),
        ({"right": "left"}, "--right needs --left"),
        ({"left": "lefd", "right": "right"}, "unknown entrant of --left 'lefd'; did you mean left"),
        ({"left": "left", "right": "left"}, "are both left"),
        ({}, "name two runs, or one with --left and --right"),
    ],
)
def test_a_call_that_is_at_fault_says_what_to_do(options, message):
    with pytest.raises(UsageError, match=message):
        diff(BASE.run(), **options)


def test_a_run_cannot_be_compared_with_itself_nor_with_a_copy_of_it():
    with pytest.raises(UsageError, match="are the same run"):
        diff(BASE.run("one"), BASE.run("one"))
    with pytest.raises(UsageError, match="are the same run"):
        diff(BASE.run("one"), BASE.run("copy"))


def test_left_and_right_go_with_one_run():
    with pytest.raises(UsageError, match="name one run"):
        diff(BASE.run(), later().run(), left="left", right="right")


def test_a_run_that_only_checked_has_no_times():
    with pytest.raises(UsageError, match="it only checked"):
        compared(new=later(settings={"timing": False}))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="is not the folder of a run"):
        convbench.diff(tmp_path, tmp_path)
