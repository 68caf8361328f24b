"""The table and the answer in a sentence."""

from __future__ import annotations

from dataclasses import replace

from made_training import entrant, made_training

from convbench.plan.status import Status
from convbench.report.training.rows import answer, rows_of
from convbench_specs import load_workload


def test_the_answer_names_who_is_wrong_and_what_the_others_reach():
    assert answer(made_training()) == (
        "broken does not learn what the reference does. 2 backends learn the same: "
        "99.0\N{NO-BREAK SPACE}% of the held-out images after 3 of 10 epochs. naive agrees as far as trained."
    )


def test_a_training_that_is_whole_does_not_tell_of_a_part():
    whole = replace(load_workload("digits_cnn").recipe, epochs=3)
    network = replace(made_training().network, recipe=whole)
    assert answer(made_training(network=network)).endswith("after 3 epochs. naive agrees as far as trained.")


def test_backends_that_agree_are_the_answer():
    right = (entrant("a", place=0), entrant("b", place=1))
    assert answer(made_training(entrants=right)).startswith("2 backends learn the same: 99.0")


def test_accuracies_that_differ_are_a_range():
    one = entrant("a", place=0)
    two = replace(one, name="b", epochs=(*one.epochs[:-1], replace(one.epochs[-1], accuracy=0.97)))
    assert "97.0 to 99.0\N{NO-BREAK SPACE}% of the held-out images" in answer(made_training(entrants=(one, two)))


def test_what_is_not_judged_is_not_called_the_same():
    unjudged = entrant("a", place=0, agreement="not judged", agrees_until=0)
    assert answer(made_training(entrants=(unjudged,))) == (
        "1 backend was trained: 99.0\N{NO-BREAK SPACE}% of the held-out images after 3 of 10 epochs; none was judged."
    )


def test_a_failure_is_told_first():
    failed = entrant("a", place=0, status=Status.CRASHED, agreement="not judged", reason="signal 9")
    assert answer(made_training(entrants=(failed, entrant("b", place=1)))).startswith("a failed. b learns what it must")


def test_nothing_trained_is_said():
    assert answer(made_training(entrants=())) == "Nothing was trained."


def test_a_row_says_until_when_it_agrees_and_where_it_begins_to_be_wrong():
    rows = {row.name: row for row in rows_of(made_training())}
    assert (rows["numpy-im2col"].verdict, rows["numpy-im2col"].until) == ("agrees", "reference")
    assert (rows["numba-cpu"].verdict, rows["numba-cpu"].until) == ("agrees", "step 100")
    assert (rows["broken"].verdict, rows["broken"].until) == ("disagrees", "step 2")
    assert rows["broken"].reason == "From step 3 on in dw of conv2: differ in <9> of 9 elements"
    assert (rows["naive"].until, rows["naive"].accuracy) == ("step 11", "")
    assert (rows["absent"].verdict, rows["absent"].reason) == ("unavailable", "no <module> of that name")


def test_a_disturbed_entrant_has_no_time_in_its_row():
    (row,) = rows_of(made_training(entrants=(entrant("a", place=0, own_ratio=3.2),)))
    assert (row.epoch, row.interval) == ("", "")
