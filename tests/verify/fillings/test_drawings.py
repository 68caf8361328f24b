"""Drawings: a pool does to them what the course says of pools."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from convbench.verify import make_tensors, oracle
from convbench.verify.fillings.drawings import shifted, turned
from convbench_specs import Case, load_workload


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case.name: case for case in load_workload("course").cases}


def pooled(case: Case):
    """The input and the right output of the first instance."""
    tensors = make_tensors(case, 1, seed=0)
    return tensors.x[0], oracle(case, tensors).values("y")[0]


def test_a_shift_by_one_pixel_does_not_change_the_pool_and_one_by_two_moves_it(cases):
    x, y = pooled(cases["pool_shifted"])
    assert not np.array_equal(x[0], x[1])
    np.testing.assert_array_equal(y[0], y[1])
    np.testing.assert_array_equal(y[2], y[3])
    np.testing.assert_array_equal(y[0][:, :-1], y[2][:, 1:])
    assert not np.array_equal(y[0], y[2])


def test_each_channel_is_the_one_before_it_shifted_by_a_pixel():
    x = shifted((4, 6, 16))
    for before, after in pairwise(x):
        np.testing.assert_array_equal(after[:, 1:], before[:, :-1])
    assert x.sum(axis=(1, 2)).tolist() == [x[0].sum()] * 4


def test_another_filter_finds_each_turned_stroke_and_the_maximum_finds_all(cases):
    x, y = pooled(cases["pool_turned"])
    middle = x.shape[1] // 2
    found = x[:, middle, middle].reshape(4, 4)
    np.testing.assert_array_equal(found.argmax(axis=1), np.arange(4))
    assert (found == 1).sum() == 4
    assert y[:, middle, middle].tolist() == [1, 1, 1, 1]


def test_what_is_found_of_a_turned_drawing_is_what_is_found_of_the_drawing_turned(cases):
    _, y = pooled(cases["pool_turned"])
    for quarters in range(4):
        np.testing.assert_array_equal(y[quarters], np.rot90(y[0], quarters))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_drawings_are_exact_in_every_dtype(cases, dtype):
    x = make_tensors(cases["pool_turned"].with_dtype(dtype), 2, seed=0).x
    np.testing.assert_array_equal(np.asarray(x, np.float64), np.stack([turned((16, 11, 11))] * 2))


@pytest.mark.parametrize("shape", [(1, 1, 1), (40, 3, 5), (2, 20, 1)])
def test_a_small_canvas_cuts_the_drawing(shape):
    assert shifted(shape).shape == shape
