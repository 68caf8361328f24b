"""Each kind of data is what its name says, in every dtype, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.testing.random_cases import cases
from convbench.verify import make_tensors, numpy_dtype, round_to
from convbench.verify.bounds.dtypes import LARGEST
from convbench.verify.fillings.kinds import SMALLEST_NORMAL
from convbench_specs import DATA_KINDS, DTYPES, Case, Conv, Pool, telling_kinds

NAMES = ("x", "dy", "w", "b")
CONV = Conv(in_channels=3, out_channels=4, kernel_size=(3, 3), padding=((1, 1), (2, 0)))
MAXIMUM = Pool(kind="max", kernel_size=(3, 3), padding=((1, 1), (1, 1)))
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def drawn(kind, dtype="float32", operation=CONV, seed=0):
    case = Case(name="c", operation=operation, input_shape=(3, 20, 20), dtype=dtype)
    return make_tensors(case, 2, seed=seed, fill=kind)


def arrays(tensors):
    return {name: array for name in NAMES if (array := getattr(tensors, name)) is not None}


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(case=cases(tuple(DTYPES)), kind=st.sampled_from(tuple(DATA_KINDS)), batch_size=st.integers(1, 3))
def test_tensors_have_the_form_of_the_case_and_follow_from_the_seed(case, kind, batch_size):
    tensors = make_tensors(case, batch_size, seed=3, fill=kind)
    again = make_tensors(case, batch_size, seed=3, fill=kind)
    plain = make_tensors(case, batch_size, seed=3)
    for name, array in arrays(tensors).items():
        assert array.shape == getattr(plain, name).shape
        assert array.dtype == numpy_dtype(case.dtype)
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, getattr(again, name))
        np.testing.assert_array_equal(round_to(array, case.dtype), array)  # numbers of the dtype, bfloat16 too
        assert np.isfinite(array).all() or (kind in ("not-a-number", "infinite") and name in ("x", "dy"))


@each_dtype
def test_constant_data_are_one_number_a_tensor(dtype):
    assert all(np.ptp(array) == 0 and array.flat[0] for array in arrays(drawn("constant", dtype)).values())


@each_dtype
def test_offset_data_are_about_1000_and_not_all_the_same(dtype):
    x = drawn("offset", dtype).x.astype(float)
    assert np.all((x > 980) & (x < 1020))
    assert np.ptp(x) > 0


@each_dtype
def test_squares_of_huge_data_overflow_and_the_data_do_not(dtype):
    tensors = drawn("huge", dtype)
    with np.errstate(over="ignore"):
        squares = np.square(tensors.x.astype(np.float64))
    assert (squares > LARGEST[dtype]).mean() > 0.2
    assert np.abs(tensors.x[0, 0, 0, 0] * np.float64(tensors.dy[0, 0, 0, 0])) < LARGEST[dtype]


@each_dtype
def test_squares_of_tiny_data_are_below_the_smallest_normal_number_and_the_data_are_not(dtype):
    x = np.abs(drawn("tiny", dtype).x.astype(np.longdouble))
    assert np.median(x) > SMALLEST_NORMAL[dtype]
    assert np.median(x * x) < SMALLEST_NORMAL[dtype]


@each_dtype
def test_denormal_data_are_below_the_smallest_normal_number_and_not_zero(dtype):
    for array in (drawn("denormal", dtype).x, drawn("denormal", dtype).dy):
        assert np.abs(array).max() < SMALLEST_NORMAL[dtype]
        assert np.count_nonzero(array) > 0.8 * array.size


@each_dtype
def test_wide_data_have_large_and_small_numbers_beside_each_other(dtype):
    sizes = np.abs(drawn("wide", dtype).x[0, 0, 0].astype(float))
    assert sizes.max() > 1000 * sizes.min()


def test_a_maximum_of_negative_data_is_never_that_of_a_padding_of_zero():
    assert drawn("negative", operation=MAXIMUM).x.max() < 0


def test_most_windows_of_ties_have_several_largest_elements():
    x = drawn("tied", operation=MAXIMUM).x
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3)).reshape(-1, 9)
    assert ((windows == windows.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean() > 0.7


def test_signed_zeros_are_of_both_signs():
    x = drawn("signed-zero", operation=MAXIMUM).x
    assert 0.2 < np.signbit(x[x == 0]).mean() < 0.8


@each_dtype
@pytest.mark.parametrize(("kind", "is_it"), [("not-a-number", np.isnan), ("infinite", np.isinf)])
def test_few_elements_of_x_and_dy_are_not_finite(kind, is_it, dtype):
    tensors = drawn(kind, dtype)
    for array in (tensors.x, tensors.dy):
        assert 0 < is_it(array).sum() <= 0.02 * array.size
        assert np.isfinite(array[~is_it(array)]).all()
    assert np.isfinite(tensors.w).all()
    assert np.isfinite(tensors.b).all()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(case=cases(), kind=st.sampled_from(["not-a-number", "infinite"]))
def test_dy_is_only_replaced_where_its_window_reads_no_padding_of_zeros(case, kind):
    dy = make_tensors(case, 1, seed=0, fill=kind).dy
    if isinstance(case.operation, Conv) and case.operation.padding_mode == "zeros":
        for dim, axis in enumerate(case.axes, start=2):
            padded = np.array(axis.taps()) < axis.kernel
            assert np.isfinite(dy.compress(padded, axis=dim)).all()


def test_a_case_of_few_elements_has_each_of_its_kinds():
    case = Case(name="c", operation=Pool(kind="max", kernel_size=(1,)), input_shape=(1, 1))
    for kind in telling_kinds(case):
        assert make_tensors(case, 1, seed=0, fill=kind).x.shape == (1, 1, 1)
