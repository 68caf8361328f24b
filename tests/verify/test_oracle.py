"""The oracle computes what the definitions say, and for float64 better than float64 does."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases, convolutions, scalar_results

from convbench.verify import make_tensors, oracle, sampled_oracle
from convbench_specs import Case, Conv, Flatten, Pool, SpecError, Tensors

seeds = st.integers(0, 2**32)


@settings(max_examples=400, deadline=None)
@given(case=cases(), batch_size=st.integers(0, 3), fill=st.sampled_from(["random", "integers"]), seed=seeds)
def test_every_result_is_that_of_scalar_loops(case, batch_size, fill, seed):
    tensors = make_tensors(case, batch_size, seed=seed, fill=fill)
    reference, right = oracle(case, tensors), scalar_results(case, tensors)
    for name in reference.names:
        values = reference.values(name)
        assert values.shape == case.shape_of(name, batch_size)
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, right[name], rtol=1e-12, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(case=cases(), batch_size=st.integers(1, 3), fill=st.sampled_from(["not-a-number", "infinite"]), seed=seeds)
def test_nan_and_infinity_reach_the_results_that_they_are_a_term_of_and_no_others(case, batch_size, fill, seed):
    tensors = make_tensors(case, batch_size, seed=seed, fill=fill)
    reference, right = oracle(case, tensors), scalar_results(case, tensors)
    sample = sampled_oracle(case, tensors, seed=seed, places=40)
    for name in reference.names:
        np.testing.assert_allclose(reference.values(name), right[name], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(sample.values(name), sample.select(name, right[name]), rtol=1e-12, atol=1e-12)
        assert np.isfinite(reference.bound(name)[np.isfinite(right[name])]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_is_the_largest_and_its_first_place_gets_the_gradient(dtype):
    case = Case(name="c", operation=Pool(kind="max", kernel_size=(4,)), input_shape=(1, 8), dtype=dtype)
    x = np.array([[[1, np.nan, 3, 2, np.inf, 1, np.nan, np.nan]]], dtype)
    reference = oracle(case, Tensors(x=x, dy=np.array([[[5, 7]]], dtype)))
    np.testing.assert_array_equal(reference.y, [[[np.nan, np.nan]]])
    np.testing.assert_array_equal(reference.dx, [[[0, 5, 0, 0, 0, 0, 7, 0]]])


@pytest.mark.parametrize("size", [(2,), (1, 2)])
def test_a_window_of_nothing_but_minus_infinity_has_its_first_element_and_not_its_padding(size):
    pool = Pool(kind="max", kernel_size=(3,) * len(size), padding=((1, 1),) * len(size))
    case = Case(name="c", operation=pool, input_shape=(1, *size))
    x = np.full(case.x_shape(1), -np.inf, np.float32)
    tensors = Tensors(x=x, dy=np.ones(case.y_shape(1), np.float32))
    for right in (oracle(case, tensors), sampled_oracle(case, tensors, seed=0)):
        assert np.all(right.values("y") == -np.inf)
        assert right.values("dx").ravel().tolist() == [right.values("y").size, 0]


def test_the_smallest_numbers_of_float64_are_cut_in_two():
    case = Case(
        name="c", operation=Pool(kind="max", kernel_size=(2,), stride=(1,)), input_shape=(1, 9), dtype="float64"
    )
    tensors = make_tensors(case, 1, seed=0, fill="denormal")
    assert np.array_equal(oracle(case, tensors).dx, scalar_results(case, tensors)["dx"])


@settings(max_examples=150, deadline=None)
@given(case=convolutions(), batch_size=st.integers(0, 2), seed=seeds)
def test_spread_and_magnitude_are_those_of_the_terms(case, batch_size, seed):
    tensors = make_tensors(case, batch_size, seed=seed)
    reference = oracle(case, tensors)

    def of(each):
        arrays = (tensors.x, tensors.dy, tensors.w, tensors.b)
        x, dy, w, b = (None if array is None else each(array.astype(np.float64)) for array in arrays)
        return scalar_results(case, Tensors(x=x, dy=dy, w=w, b=b))

    squares, absolutes = of(np.square), of(np.abs)
    for name in reference.names:
        np.testing.assert_allclose(reference.spread(name), np.sqrt(squares[name]), rtol=1e-5)
        np.testing.assert_allclose(reference.magnitude(name), absolutes[name], rtol=1e-5)


def exact_dot(a, b):
    return sum((Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a, b, strict=True)), Fraction(0))


@pytest.mark.parametrize("channels", [1, 40, 300])
def test_for_float64_the_reference_is_the_exact_value_rounded_once(channels):
    conv = Conv(in_channels=channels, out_channels=2, kernel_size=(2, 3), bias=False)
    case = Case(name="exact", operation=conv, input_shape=(channels, 3, 4), dtype="float64")
    tensors = make_tensors(case, 2, seed=7)
    reference = oracle(case, tensors)
    window = tensors.x[1, :, 1:3, 1:4].ravel()
    exact = exact_dot(window, tensors.w[1].ravel())
    assert abs(Fraction(float(reference.y[1, 1, 1, 1])) - exact) <= abs(exact) * Fraction(2) ** -53
    places = tensors.x[:, 0, 1:3, 2:4].ravel()
    exact = exact_dot(places, tensors.dy[:, 1].ravel())
    assert abs(Fraction(float(reference.dw[1, 0, 1, 2])) - exact) <= abs(exact) * Fraction(2) ** -53


def test_for_float64_gradients_of_averages_are_rounded_once():
    pool = Pool(kind="average", kernel_size=(3,), stride=1, padding=((1, 1),), count_include_pad=False)
    case = Case(name="exact", operation=pool, input_shape=(1, 30), dtype="float64")
    tensors = make_tensors(case, 1, seed=0)
    dx, dy = oracle(case, tensors).dx[0, 0], tensors.dy[0, 0]
    for place in range(1, 29):
        windows = (place - 1, place, place + 1)
        exact = sum(Fraction(float(dy[o])) / (2 if o in (0, 29) else 3) for o in windows)
        assert abs(Fraction(float(dx[place])) - exact) <= abs(exact) * Fraction(2) ** -52


def test_one_dimension_of_the_course_material():
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(3,), padding="same", bias=False)
    case = Case(name="1d", operation=conv, input_shape=(1, 5), dtype="float64")
    x, w = np.array([[[1.0, 2, 3, 4, 5]]]), np.ones((1, 1, 3))
    reference = oracle(case, Tensors(x=x, w=w, dy=np.ones((1, 1, 5))))
    assert reference.y.ravel().tolist() == [3, 6, 9, 12, 9]
    assert reference.y.sum() == 39
    assert reference.dx.ravel().tolist() == [2, 3, 3, 3, 2]
    assert reference.dw.ravel().tolist() == [10, 15, 14]
    raised_x, raised_w = np.array([[[1.0, 2, 3, 4, 6]]]), np.array([[[2.0, 1, 1]]])
    assert oracle(case, Tensors(x=raised_x, w=w, dy=np.ones((1, 1, 5)))).y.sum() == 41
    assert oracle(case, Tensors(x=x, w=raised_w, dy=np.ones((1, 1, 5)))).y.sum() == 49


@pytest.mark.parametrize(
    ("operation", "input_shape", "output_shape"),
    [
        (Conv(in_channels=1, out_channels=1, kernel_size=(6,), stride=(5,)), (1, 13), (1, 2)),
        (Conv(in_channels=1, out_channels=1, kernel_size=(6,), stride=(5,), padding="same"), (1, 13), (1, 3)),
        (Conv(in_channels=1, out_channels=1, kernel_size=(3, 3), stride=(2,), padding="same"), (1, 5, 7), (1, 3, 4)),
        (Conv(in_channels=3, out_channels=32, kernel_size=(7, 7)), (3, 70, 120), (32, 64, 114)),
        (Conv(in_channels=3, out_channels=32, kernel_size=(7, 7), padding="same"), (3, 70, 120), (32, 70, 120)),
        (
            Conv(in_channels=3, out_channels=32, kernel_size=(7, 7), padding="same", stride=(2, 2)),
            (3, 70, 120),
            (32, 35, 60),
        ),
        (Conv(in_channels=1, out_channels=1, kernel_size=(5, 5)), (1, 28, 28), (1, 24, 24)),
        (Conv(in_channels=1, out_channels=1, kernel_size=(3, 3)), (1, 5, 5), (1, 3, 3)),
        (Conv(in_channels=3, out_channels=96, kernel_size=(11, 11), stride=(4, 4)), (3, 227, 227), (96, 55, 55)),
    ],
)
def test_sizes_of_the_course_material(operation, input_shape, output_shape):
    case = Case(name="size", operation=operation, input_shape=input_shape)
    assert oracle(case, make_tensors(case, 2, seed=0)).y.shape == (2, *output_shape)


def test_same_padding_of_width_13_filter_6_stride_5_is_1_left_and_2_right():
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(6,), stride=(5,), padding="same", bias=False)
    case = Case(name="same", operation=conv, input_shape=(1, 13))
    tensors = Tensors(x=np.ones((1, 1, 13)), w=np.ones((1, 1, 6)), dy=np.ones((1, 1, 3)))
    assert oracle(case, tensors).y.ravel().tolist() == [5, 6, 4]


def test_im2col_of_the_course_material_gives_the_same_product():
    conv = Conv(in_channels=3, out_channels=96, kernel_size=(11, 11), stride=(4, 4), bias=False)
    case = Case(name="alexnet", operation=conv, input_shape=(3, 227, 227))
    tensors = make_tensors(case, 1, seed=0)
    image = tensors.x[0].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, (11, 11), axis=(1, 2))[:, ::4, ::4]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(363, 3025)
    rows = tensors.w.reshape(96, 363).astype(np.float64)
    assert rows.shape == (96, 363)
    np.testing.assert_allclose((rows @ columns).reshape(1, 96, 55, 55), oracle(case, tensors).y, atol=1e-12)


def test_global_average_of_the_photos():
    case = Case(
        name="photos", operation=Pool(kind="average", kernel_size="global"), input_shape=(3, 70, 120), x_data="photos"
    )
    y = oracle(case, make_tensors(case, 2, seed=0)).y.reshape(2, 3)
    exact = [[0.643388, 0.597182, 0.582504], [0.763075, 0.260110, 0.108488]]
    book = [[0.64338624, 0.5971759, 0.5824972], [0.76306933, 0.26011038, 0.10849128]]
    np.testing.assert_allclose(y, exact, rtol=0, atol=1e-6)
    np.testing.assert_allclose(y, book, rtol=0, atol=1e-5)


def test_a_maximum_of_the_course_material_and_its_default_stride():
    case = Case(name="max", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(2, 5, 5))
    x = np.zeros((1, 2, 5, 5), np.float32)
    x[0, 0, :2, :2] = [[1, 5], [3, 2]]
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, 2, 2, 2), np.float32)))
    assert reference.y.shape == (1, 2, 2, 2)
    assert reference.y[0, 0, 0, 0] == 5
    assert reference.dx[0, 0, :2, :2].tolist() == [[0, 1], [0, 0]]


def test_a_tie_goes_to_the_first_in_row_major_order():
    case = Case(name="tie", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(1, 2, 2))
    x = np.array([[[[0.0, 3], [3, 3]]]])
    assert oracle(case, Tensors(x=x, dy=np.ones((1, 1, 1, 1)))).dx.ravel().tolist() == [0, 1, 0, 0]


def test_padding_never_wins_a_maximum_and_nan_always_does():
    pool = Pool(kind="max", kernel_size=(3, 2), stride=(1, 2), padding=((2, 0), (1, 1)))
    case = Case(name="lowest", operation=pool, input_shape=(1, 3, 4))
    x = np.full((1, 1, 3, 4), -np.inf, np.float32)
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, 1, 3, 3), np.float32)))
    assert np.isneginf(reference.y).all()
    assert reference.dx[0, 0].tolist() == [[3, 3, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0]]
    x[0, 0, 1, 1:3] = np.nan
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, 1, 3, 3), np.float32)))
    assert np.isnan(reference.y[0, 0]).tolist() == [[False] * 3, [False, True, False], [False, True, False]]
    assert reference.dx[0, 0].tolist() == [[3, 1, 0, 3], [0, 2, 0, 0], [0, 0, 0, 0]]


def test_a_pool_over_channels_takes_groups_of_channels():
    case = Case(name="depth", operation=Pool(kind="average", kernel_size=(2,), over="channels"), input_shape=(5, 1, 2))
    x = np.arange(10.0).reshape(1, 5, 1, 2)
    reference = oracle(case, Tensors(x=x, dy=np.ones((1, 2, 1, 2))))
    assert reference.y.ravel().tolist() == [1, 2, 5, 6]
    assert reference.dx.reshape(5, 2).tolist() == [[0.5, 0.5]] * 4 + [[0, 0]]


@pytest.mark.parametrize(
    ("order", "right"),
    [("channels_first", list(range(12))), ("channels_last", [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])],
)
def test_flatten_runs_through_channels_first_or_last(order, right):
    case = Case(name="flatten", operation=Flatten(order=order), input_shape=(3, 2, 2))
    x = np.arange(12.0).reshape(1, 3, 2, 2)
    reference = oracle(case, Tensors(x=x, dy=np.array([right], np.float64)))
    assert reference.y.ravel().tolist() == right
    np.testing.assert_array_equal(reference.dx, x)


def test_a_result_that_the_case_does_not_have_is_a_spec_error():
    case = Case(name="flatten", operation=Flatten(), input_shape=(3, 2, 2))
    with pytest.raises(SpecError, match="dw"):
        oracle(case, make_tensors(case, 1, seed=0)).values("dw")


@settings(max_examples=60, deadline=None)
@given(case=convolutions(dtypes=("float64",)), seed=seeds)
def test_gradients_are_finite_differences_of_the_forward_pass(case, seed):
    tensors = make_tensors(case, 2, seed=seed)
    reference = oracle(case, tensors)
    for field, name in (("x", "dx"), ("w", "dw"), ("b", "db")):
        if name not in reference.names:
            continue
        element = seed % getattr(tensors, field).size
        losses = []
        for step in (1, -1):
            arrays = {each: getattr(tensors, each) for each in ("x", "dy", "w", "b")}
            arrays[field] = arrays[field].copy()
            arrays[field].flat[element] += step
            losses.append(np.sum(oracle(case, Tensors(**arrays)).y * tensors.dy))
        np.testing.assert_allclose((losses[0] - losses[1]) / 2, reference.values(name).flat[element], atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_stays_under_three_times_the_tensors_of_the_case(dtype):
    conv = Conv(in_channels=256, out_channels=64, kernel_size=(3, 3), padding="same", bias=False)
    case = Case(name="layer", operation=conv, input_shape=(256, 28, 28), dtype=dtype)
    tensors = make_tensors(case, 4, seed=0)
    own = 2 * (tensors.x.nbytes + tensors.dy.nbytes + tensors.w.nbytes)
    tracemalloc.start()
    try:
        reference = oracle(case, tensors)
        for name in reference.names:
            reference.values(name)
            reference.bound(name)
        assert tracemalloc.get_traced_memory()[1] < 3 * own
    finally:
        tracemalloc.stop()
