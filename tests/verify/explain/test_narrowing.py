"""A mistake in a large case is found on a part of it, which is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from verify_cases import scalar_results

from convbench.verify import make_tensors, oracle
from convbench.verify.explain import UNEXPLAINED, explain, narrowing
from convbench_specs import Case, Conv, multiply_adds

CASE = Case(
    name="conv", operation=Conv(in_channels=6, out_channels=8, kernel_size=(3, 3), padding=((1, 1), (1, 1))),
    input_shape=(6, 6, 5),
)  # fmt: skip
TENSORS = make_tensors(CASE, 3, seed=0)


def told(tensor, wrong):
    right = oracle(CASE, TENSORS)
    actual = wrong.astype(np.float32)
    return explain(CASE, TENSORS, tensor, actual=actual, right=right.values(tensor), bound=right.bound(tensor))


@pytest.mark.parametrize(
    ("tensor", "instances", "part"),
    [
        ("y", 1, "instance 0"),
        ("y", 0.6, "filters 0, 1, 2, 3 of instance 0"),
        ("dx", 0.7, "channels 0, 1, 2, 3 of instance 0"),
        ("dw", 2, "filters 0, 1, 2, 3 and channels 0, 1, 2, 3"),
    ],
)
def test_the_part_on_which_a_mistake_was_tested_is_named(tensor, instances, part, monkeypatch):
    monkeypatch.setattr(narrowing, "MOST_WORK", int(instances * multiply_adds(CASE)))
    wrong = scalar_results(CASE, replace(TENSORS, w=np.flip(TENSORS.w, (2, 3))))[tensor]
    if tensor == "dw":
        wrong = np.flip(scalar_results(CASE, TENSORS)["dw"], (2, 3))
    (found,) = told(tensor, wrong)
    assert "flipped" in found.name
    assert found.sentence.endswith(f"(tested on {part})")


def test_what_is_too_large_for_all_hypotheses_says_so(monkeypatch):
    monkeypatch.setattr(narrowing, "MOST_WORK", 10)
    wrong = scalar_results(CASE, replace(TENSORS, w=np.flip(TENSORS.w, (2, 3))))["dx"]
    (found,) = told("dx", wrong)
    assert found.name == UNEXPLAINED
    assert found.sentence.endswith("too large to test all hypotheses")
