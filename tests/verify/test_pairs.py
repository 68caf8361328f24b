"""Pairs agree or not, groups form, and the evidence names who stands alone, the oracle included."""

from __future__ import annotations

import numpy as np
from verify_cases import in_turn

from convbench.verify import ORACLE, agreements, allowed, check_against, clusters, make_tensors, odd_ones, oracle
from convbench_specs import Case, Conv

CASE = Case(name="conv", operation=Conv(in_channels=3, out_channels=4, kernel_size=(3, 3)), input_shape=(3, 9, 9))
REFERENCE = oracle(CASE, make_tensors(CASE, 2, seed=0))
RIGHT = REFERENCE.y.astype(np.float32)
BOUND = REFERENCE.bound("y")


def judged(results):
    against = {name: check_against(REFERENCE, {"y": result})[0].verdict for name, result in results.items()}
    rows = agreements("y", results, BOUND)
    return rows, clusters(list(results), rows), odd_ones("y", rows, against)


def test_right_results_form_one_cluster_with_nobody_odd():
    results = {"one": RIGHT, "two": RIGHT + 0.9 * BOUND, "three": RIGHT - 0.9 * BOUND}
    rows, groups, odd = judged(results)
    assert [(row.one, row.other, row.verdict) for row in rows] == [
        ("one", "two", "agrees"),
        ("one", "three", "agrees"),
        ("two", "three", "agrees"),
    ]
    assert groups == [("one", "three", "two")]
    assert odd == []


def test_the_one_that_differs_from_the_rest_and_the_oracle_is_named():
    results = {"one": RIGHT, "wrong": RIGHT * 2, "two": RIGHT, "three": RIGHT}
    rows, groups, odd = judged(results)
    assert sum(row.verdict == "disagrees" for row in rows) == 3
    assert groups == [("one", "three", "two"), ("wrong",)]
    (suspect,) = odd
    assert (suspect.name, suspect.tensor) == ("wrong", "y")
    assert suspect.describe() == "y: wrong is the odd one out; it differs from oracle, one, two, three"


def test_two_that_share_a_mistake_are_a_cluster_of_their_own_and_both_odd():
    results = {"one": RIGHT, "a": -RIGHT, "b": -RIGHT}
    _, groups, odd = judged(results)
    assert groups == [("a", "b"), ("one",)]
    assert [suspect.name for suspect in odd] == ["a", "b"]
    assert odd[0].disagrees_with == (ORACLE, "one")


def test_where_all_agree_against_the_oracle_it_is_the_suspect():
    results = {"one": RIGHT * 2, "two": RIGHT * 2}
    _, groups, (suspect,) = judged(results)
    assert groups == [("one", "two")]
    assert suspect.name == ORACLE
    assert "agree with each other but not with the oracle" in suspect.describe()


def test_one_backend_alone_is_no_evidence_against_the_oracle():
    _, groups, (suspect,) = judged({"one": RIGHT * 2})
    assert groups == [("one",)]
    assert suspect.name == "one"
    assert suspect.describe() == "y: one is the odd one out; it differs from oracle"


def test_what_cannot_be_judged_is_in_no_cluster_with_others_and_not_odd():
    results = {"one": RIGHT, "double": RIGHT.astype(np.float64), "two": RIGHT}
    rows, groups, odd = judged(results)
    assert [row.verdict for row in rows] == ["untrusted", "agrees", "untrusted"]
    assert groups == [("one", "two"), ("double",)]
    assert odd == []


def test_low_precision_with_sums_in_itself_agrees_with_sums_in_float32():
    case = CASE.with_dtype("float16")
    tensors = make_tensors(case, 2, seed=0)
    reference = oracle(case, tensors)
    results = {"float32": reference.dw.astype(np.float16), "own": in_turn(case, tensors, np.float16)["dw"]}
    assert agreements("dw", results, allowed(reference, "dw"))[0].verdict == "disagrees"
    assert agreements("dw", results, allowed(reference, "dw", sums="own"))[0].verdict == "agrees"


def test_pairs_on_integers_must_be_equal():
    rows = agreements("y", {"one": RIGHT, "two": np.nextafter(RIGHT, np.float32(np.inf))}, 0.0)
    assert [row.verdict for row in rows] == ["disagrees"]
