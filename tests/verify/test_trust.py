"""Each reason not to trust a result fires on what it is for, and on nothing that is right."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases

from convbench.verify import (
    EXPLANATIONS,
    Reason,
    aliases_input,
    borrowed_memory,
    constant,
    distrust,
    fingerprints,
    input_changed,
    make_tensors,
    mostly_zero,
    not_finite,
    not_repeatable,
    oracle,
    round_to,
    unfinished,
    weak_data,
    wrong_dtype,
    wrong_shape,
)
from convbench_specs import Case, Conv, Flatten, Pool, Tensors

CONV = Conv(in_channels=3, out_channels=4, kernel_size=(3, 3))
CASE = Case(name="conv", operation=CONV, input_shape=(3, 9, 9))
FLATTEN = Case(name="flatten", operation=Flatten(), input_shape=(3, 9, 9))
RESULT = np.random.default_rng(0).standard_normal((2, 4, 7, 7)).astype(np.float32)


def test_each_reason_has_a_sentence():
    assert set(EXPLANATIONS) == set(get_args(Reason))


@settings(max_examples=300, deadline=None)
@given(case=cases(), seed=st.integers(0, 999), batch=st.integers(0, 3))
def test_right_results_of_random_data_are_trusted(case, seed, batch):
    tensors = make_tensors(case, batch, seed=seed)
    before = fingerprints(tensors)
    reference = oracle(case, tensors)
    for name in reference.names:
        result = round_to(reference.values(name), case.dtype)
        again = round_to(oracle(case, tensors).values(name), case.dtype)
        assert distrust(case, batch, name, result) == []
        assert weak_data(case, batch, name, reference.values(name)) is None
        assert aliases_input(case, name, result, tensors) is None
        assert borrowed_memory(name, result, again) is None
        assert not_repeatable(name, result, again) is None
        assert unfinished(name, result, result.copy()) is None
    assert input_changed(before, fingerprints(tensors)) is None


@pytest.mark.parametrize(
    ("operation", "shape"),
    [
        (Conv(in_channels=2, out_channels=2, kernel_size=(1, 1), stride=(4,)), (2, 40, 40)),
        (Pool(kind="max", kernel_size=(5, 5), stride=(5,)), (4, 40, 40)),
        (Pool(kind="max", kernel_size=(3, 3), stride=(1,)), (4, 40, 40)),
        (Pool(kind="max", kernel_size="global"), (4, 40, 40)),
        (Pool(kind="average", kernel_size=(2, 2), stride=(5,)), (4, 40, 40)),
    ],
    ids=str,
)
@pytest.mark.parametrize("fill", ["random", "integers"])
def test_gradients_that_are_sparse_by_nature_are_trusted(operation, shape, fill):
    case = Case(name="sparse", operation=operation, input_shape=shape)
    reference = oracle(case, make_tensors(case, 2, seed=0, fill=fill))
    assert mostly_zero(case, 2, "dx", reference.dx) is None
    assert weak_data(case, 2, "dx", reference.dx, reference.bound("dx")) is None


def test_zeros_are_mostly_zero():
    found = mostly_zero(CASE, 2, "y", np.zeros_like(RESULT))
    assert found.reason == "mostly_zero"
    assert found.describe() == (
        "y: most of the result is zero, as if it was never written (0.0% of the elements are not, 30.0% must not be)"
    )
    partly = RESULT.copy()
    partly[:, 1:] = 0
    assert mostly_zero(CASE, 2, "y", partly).reason == "mostly_zero"
    partly = RESULT.copy()
    partly[:, 2:] = 0
    assert mostly_zero(CASE, 2, "y", partly) is None
    assert mostly_zero(CASE, 2, "db", np.array([1.0] * 15 + [0] * 5)).reason == "mostly_zero"


def test_few_elements_may_be_zero_or_equal_by_chance():
    assert mostly_zero(CASE, 2, "db", np.zeros(4)) is None
    assert constant("db", np.ones(4)) is None


def test_one_number_everywhere_is_constant():
    assert constant("y", np.full((4, 5), 3.5)).describe().endswith("(3.5 everywhere)")
    assert constant("y", RESULT) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted(bad):
    result = RESULT.copy()
    result[0, 0, 0, :3] = bad
    assert not_finite("y", result).detail == "3 of 392 elements"
    assert not_finite("y", RESULT) is None


def test_data_are_weak_where_zeros_would_pass():
    assert weak_data(CASE, 2, "y", RESULT, 0.0) is None
    assert weak_data(CASE, 2, "y", RESULT, np.full(RESULT.shape, 5.0)).reason == "weak_data"
    assert weak_data(CASE, 2, "y", np.zeros(RESULT.shape)).reason == "weak_data"


def test_wrong_form_is_named_and_nothing_else_is_looked_at():
    assert wrong_shape(CASE, 2, "y", RESULT[:1]).detail == "(1, 4, 7, 7), not (2, 4, 7, 7)"
    assert wrong_dtype(CASE, "y", RESULT.astype(np.float64)).detail == "float64, not float32"
    assert wrong_dtype(CASE.with_dtype("bfloat16"), "y", RESULT) is None
    both = distrust(CASE, 2, "y", np.zeros((1, 4), np.float64))
    assert [each.reason for each in both] == ["wrong_shape", "wrong_dtype"]
    assert [each.reason for each in distrust(CASE, 2, "y", np.zeros_like(RESULT))] == ["mostly_zero"]
    assert [each.reason for each in distrust(CASE, 2, "y", np.full_like(RESULT, np.nan))] == ["not_finite"]
    assert [each.reason for each in distrust(CASE, 2, "y", np.full_like(RESULT, 2))] == ["constant"]


def test_memory_of_an_input_is_found_even_through_a_view():
    x = np.zeros((2, 3, 9, 9), np.float32)
    tensors = Tensors(x=x, dy=RESULT, w=np.zeros(CONV.w_shape, np.float32))
    assert aliases_input(CASE, "dx", x[:, ::-1], tensors).detail == "it shares memory with x"
    assert aliases_input(CASE, "dx", x.copy(), tensors) is None


def test_a_flatten_may_be_a_view():
    tensors = make_tensors(FLATTEN, 2, seed=0)
    assert aliases_input(FLATTEN, "y", tensors.x.reshape(2, -1), tensors) is None


def test_an_input_that_changed_is_named():
    tensors = Tensors(x=np.zeros((1, 3, 9, 9), np.float32), dy=RESULT.copy(), b=np.zeros(4, np.float32))
    before = fingerprints(tensors)
    assert input_changed(before, fingerprints(tensors)) is None
    tensors.b[2] = 1e-30
    tensors.x[0, 0, 0, 0] = -0.0
    assert input_changed(before, fingerprints(tensors)).tensor == "x and b"


def test_fingerprints_take_any_layout_and_no_elements():
    x = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4))
    tensors = Tensors(x=x, dy=np.zeros((0, 3), np.float16))
    assert fingerprints(tensors) == fingerprints(Tensors(x=np.ascontiguousarray(x), dy=tensors.dy))


def test_two_results_in_one_memory_are_borrowed():
    buffer = np.zeros((2, 8), np.float32)
    assert borrowed_memory("y", buffer, buffer[1:]).reason == "borrowed_memory"
    assert borrowed_memory("y", buffer, buffer.copy()) is None


def test_a_second_call_must_give_the_same_bits_or_stay_within_the_bound():
    other = RESULT.copy()
    other[1, 2, 3, 4] += 1e-3
    assert not_repeatable("y", RESULT, other).detail == "1 of 392 elements differ"
    assert not_repeatable("y", RESULT, other, np.full(RESULT.shape, 1e-2)) is None
    assert not_repeatable("y", RESULT, RESULT.copy()) is None
    unknown = RESULT.copy()
    unknown[0] = np.nan
    assert not_repeatable("y", unknown, unknown.copy()) is None
    assert not_repeatable("y", unknown, RESULT).detail == "196 of 392 elements differ"
    assert not_repeatable("y", RESULT, RESULT[:1]).detail == "shape (2, 4, 7, 7), then (1, 4, 7, 7)"


def test_a_result_that_still_changes_is_unfinished():
    result = RESULT.copy()
    at_once = result.copy()
    result[-1] = 0
    assert unfinished("y", at_once, result).reason == "unfinished"
