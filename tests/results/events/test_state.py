"""The fold of events: what a run knows does not depend on who folds, and what was cut short is dropped whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.plan.items import CellKey
from convbench.plan.status import Status
from convbench.results.events.schema import (
    AgreementFound,
    CellComputed,
    CellFailed,
    CellJudged,
    CellSkipped,
    CellWarmedUp,
    Finished,
    ItemChecked,
    ItemTimed,
    Resumed,
    SampleTaken,
    WarningGiven,
    fields_of,
)
from convbench.results.events.state import RunState
from convbench.verify.explain import UNEXPLAINED, Explanation

KEY = CellKey("w", "c", "float32", 2, "mine", "forward")
OTHER = KEY._replace(case="d")


def folded(*events):
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def computed(key=KEY, data="random", **fields):
    return CellComputed(**fields_of(key), data=data, call_s=0.5, **fields)


def judged(verdict, key=KEY, data="random", **fields):
    return CellJudged(**fields_of(key), data=data, own=verdict, verdict=verdict, **fields)


def sample(key=KEY, block=0, number=0, elapsed_s=0.01):
    return SampleTaken(**fields_of(key), block=block, round=number, loops=10, elapsed_s=elapsed_s)


def warm(key=KEY, blocks=3):
    return CellWarmedUp(**fields_of(key), loops=10, warm_up_calls=1, steady=True, blocks=blocks)


def checked(key=KEY):
    return ItemChecked(**fields_of(key.item))


def timed(key=KEY, block=0, run_s=1.0):
    return ItemTimed(**fields_of(key.item), block=block, run_s=run_s)


def test_later_columns_of_a_cell_are_added_to_earlier_ones():
    state = folded(
        computed(data="integers", first_call_s=0.6, prepare_s=2.0), computed(second_call_s=0.5, update_s=0.1)
    )
    cell = state.cells[KEY]
    assert (cell["first_call_s"], cell["second_call_s"]) == (0.6, 0.5)
    assert (cell["prepare_s"], cell["update_s"], cell["status"]) == (2.0, 0.1, "ok")


def test_the_first_fault_of_a_cell_stays_its_status_and_reason():
    state = folded(
        computed(data="integers"),
        judged("disagrees", data="integers", is_wrong=True, reason="first", tensor="y", reproduce="again"),
        computed(),
        judged("untrusted", is_wrong=True, reason="second", tensor="dx"),
    )
    cell = state.cells[KEY]
    assert (cell["status"], cell["verdict"], cell["reason"], cell["tensor"]) == ("wrong", "disagrees", "first", "y")
    assert (cell["exact"], cell["random"], cell["reproduce"]) == ("disagrees", "untrusted", "again")
    assert state.is_computed(KEY), "a wrong result is timed, too"


@pytest.mark.parametrize(
    "event",
    [
        CellFailed(**fields_of(KEY), status=Status.CRASHED, reason="why"),
        CellSkipped(**fields_of(KEY), reason="too slow"),
    ],
)
def test_a_cell_that_failed_or_is_skipped_takes_no_further_part(event):
    state = folded(computed(), checked(), warm(), event)
    assert not state.is_computed(KEY)
    assert not state.takes_part(KEY, 0)
    assert not state.is_wanted(1)
    assert state.has_result(KEY)


def test_a_cell_that_failed_in_its_check_has_no_result():
    state = folded(
        computed(data="integers"), CellFailed(**fields_of(KEY), status=Status.ERROR, reason="why"), checked()
    )
    assert not state.has_result(KEY)


def test_a_cell_takes_part_in_as_many_blocks_as_it_can_afford():
    state = folded(computed(), warm(blocks=2))
    assert [state.takes_part(KEY, block) for block in (0, 1, 2)] == [True, True, False]
    assert [state.is_wanted(block) for block in (1, 2)] == [True, False]


@given(st.permutations([0.03, 0.01, 0.02]))
def test_the_fastest_call_counts_in_any_order(elapsed):
    state = folded(*(sample(elapsed_s=seconds) for seconds in elapsed))
    assert state.fastest_s[KEY] == 0.001


def test_a_killed_call_tells_how_long_it_had():
    failed = CellFailed(**fields_of(KEY), status=Status.TIMED_OUT, reason="why", waited_s=60.0)
    assert folded(failed).fastest_s[KEY] == 60.0


def row(key):
    return AgreementFound(
        **fields_of(key.item),
        pass_name="forward",
        data="random",
        tensor="y",
        left="mine",
        right="oracle",
        verdict="agrees",
    )


def test_what_was_not_finished_is_dropped_when_a_run_goes_on_and_the_rest_stays():
    finished = [computed(), row(KEY), judged("agrees"), checked(), warm(), sample(), timed()]
    torn = [sample(block=1), computed(OTHER), row(OTHER), warm(OTHER), sample(OTHER)]
    state = folded(*finished, *torn, Resumed(at="now", block=1, dropped_checks=1, dropped_samples=2))
    assert list(state.cells) == [KEY]
    assert state.samples == [sample()]
    assert state.agreement == [row(KEY)]
    assert not state.has_result(OTHER)
    assert OTHER not in state.fastest_s
    assert OTHER not in state.loops
    assert state.finished is None


def test_an_interrupted_end_is_undone_when_the_run_goes_on():
    end = Finished(duration_s=7.0, interrupted=True)
    state = folded(end, Resumed(at="now"))
    assert state.finished is None
    assert state.run_s == 7.0


def test_a_warning_is_told_once():
    assert folded(WarningGiven(text="a"), WarningGiven(text="b"), WarningGiven(text="a")).warnings == ["a", "b"]


def test_a_cell_is_explained_by_the_check_that_found_it_wrong_or_by_a_later_one_that_can():
    unexplained = (Explanation(UNEXPLAINED, "3 of 9 elements are off"),)
    why = (Explanation("zeros", "all of y is zero"),)
    fault = {"tensor": "y", "reason": "off", "is_wrong": True}
    first = judged("disagrees", data="integers", explanations=unexplained, **fault)
    assert folded(computed(), first).cells[KEY]["hypothesis"] == UNEXPLAINED
    later = folded(computed(), first, judged("disagrees", explanations=why, **fault)).cells[KEY]
    assert (later["hypothesis"], later["explanation"]) == ("zeros", "all of y is zero")
    other = judged("disagrees", explanations=why, **fault | {"tensor": "dx"})
    assert folded(computed(), first, other).cells[KEY]["hypothesis"] == UNEXPLAINED
    assert "hypothesis" not in folded(computed(), judged("agrees")).cells[KEY]


def test_a_cell_that_differs_on_nan_is_right_on_numbers_and_says_so():
    state = folded(
        computed(),
        judged("agrees"),
        judged("agrees", data="constant"),
        judged("differs on NaN", data="not-a-number", reason="first", tensor="y"),
        judged("agrees", data="infinite"),
    )
    cell = state.cells[KEY]
    assert (cell["status"], cell["verdict"], cell["reason"]) == ("ok", "differs on NaN", "first")
    assert (cell["random"], cell["other_data"], cell["non_finite"]) == ("agrees", "agrees", "differs on NaN")


def test_a_fault_replaces_what_is_said_of_nan_and_the_worst_of_the_kinds_is_kept():
    state = folded(
        computed(),
        judged("differs on NaN", data="not-a-number", reason="first", tensor="y"),
        judged("disagrees", data="constant", is_wrong=True, reason="second", tensor="dx"),
        judged("untrusted", data="huge", reason="third", tensor="dx"),
    )
    cell = state.cells[KEY]
    assert (cell["status"], cell["verdict"], cell["reason"]) == ("wrong", "disagrees", "second")
    assert (cell["other_data"], cell["non_finite"]) == ("disagrees", "differs on NaN")
