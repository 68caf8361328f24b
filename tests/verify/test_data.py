"""Data depend on the seed and nothing else; integers stay exact; photos and lines are those of the course material."""

from __future__ import annotations

import importlib.machinery
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases

from convbench.verify import (
    MissingImages,
    check_against,
    line_filters,
    make_tensors,
    numpy_dtype,
    oracle,
    photos,
    round_to,
)
from convbench.verify.bounds.dtypes import exact_limit, unit_roundoff
from convbench.verify.fillings.photos import laplacian_filters
from convbench_specs import Case, Conv, Flatten, Pool, SpecError, load_workload

FIELDS = ("x", "dy", "w", "b")
CONV = Conv(in_channels=3, out_channels=4, kernel_size=(3, 3))
EDGE = Conv(in_channels=1, out_channels=2, kernel_size=(3,), padding=((9, 9),), padding_mode="edge")
CASE = Case(name="conv", operation=CONV, input_shape=(3, 8, 9))


@settings(max_examples=200, deadline=None)
@given(case=cases(), batch_size=st.integers(0, 3), fill=st.sampled_from(["random", "integers"]), seed=st.integers(0, 9))
def test_tensors_have_the_shapes_and_dtype_of_the_case_and_are_read_only(case, batch_size, fill, seed):
    tensors = make_tensors(case, batch_size, seed=seed, fill=fill)
    shapes = (case.x_shape(batch_size), case.y_shape(batch_size), case.w_shape, case.b_shape)
    for field, shape in zip(FIELDS, shapes, strict=True):
        array = getattr(tensors, field)
        assert (array is None) == (shape is None)
        if array is not None:
            assert array.shape == shape
            assert array.dtype == numpy_dtype(case.dtype)
            assert array.flags.c_contiguous
            assert not array.flags.writeable
            np.testing.assert_array_equal(round_to(array, case.dtype), array)


@settings(max_examples=300, deadline=None)
@given(case=cases(), batch_size=st.integers(0, 4), seed=st.integers(0, 99))
def test_no_sum_of_integers_can_leave_the_exact_integers(case, batch_size, seed):
    tensors = make_tensors(case, batch_size, seed=seed, fill="integers")
    reference = oracle(case, tensors)
    for field in FIELDS:
        array = getattr(tensors, field)
        assert array is None or np.array_equal(array, np.round(array))
    for name in reference.names:
        assert np.max(reference.magnitude(name), initial=0) <= exact_limit(case.dtype)


@pytest.mark.parametrize(
    ("dtype", "batch_size", "operation", "shape"),
    [
        ("float32", 2, Conv(in_channels=2, out_channels=2, kernel_size=(1, 1)), (2, 700, 800)),  # M over a million
        ("float32", 1, Conv(in_channels=512, out_channels=8, kernel_size=(3, 3)), (512, 7, 7)),
        ("float16", 4, Conv(in_channels=64, out_channels=8, kernel_size=(3, 3)), (64, 28, 28)),
        ("bfloat16", 4, Conv(in_channels=64, out_channels=64, kernel_size=(3, 3), padding="same"), (64, 28, 28)),
        ("bfloat16", 1, Pool(kind="average", kernel_size="global"), (8, 40, 40)),
        ("bfloat16", 1, EDGE, (1, 8)),
    ],
)
def test_integers_stay_exact_where_sums_are_long(dtype, batch_size, operation, shape):
    case = Case(name="long", operation=operation, input_shape=shape, dtype=dtype)
    reference = oracle(case, make_tensors(case, batch_size, seed=1, fill="integers"))
    for name in reference.names:
        assert np.max(reference.magnitude(name)) < exact_limit(dtype)


def test_integers_are_not_zero_where_sums_are_short_enough():
    tensors = make_tensors(CASE, 2, seed=0, fill="integers")
    for field in FIELDS:
        values = getattr(tensors, field)
        assert np.all(values != 0)
        assert len(np.unique(values)) > 4 or values.size < 16


def test_the_same_seed_gives_the_same_data_in_another_process():
    code = (
        "from convbench.verify import make_tensors; from convbench_specs import Case, Conv;"
        "conv = Conv(in_channels=3, out_channels=4, kernel_size=(3, 3));"
        "case = Case(name='n', operation=conv, input_shape=(3, 8, 9));"
        "print(make_tensors(case, 2, seed=5).w.tobytes().hex())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == make_tensors(CASE, 2, seed=5).w.tobytes().hex()


def test_seeds_tensors_and_cases_differ_and_names_do_not_matter():
    one, two = make_tensors(CASE, 2, seed=0), make_tensors(CASE, 2, seed=1)
    assert not np.array_equal(one.x, two.x)
    renamed = Case(name="other", operation=CONV, input_shape=(3, 8, 9))
    assert np.array_equal(one.x, make_tensors(renamed, 2, seed=0).x)
    other = Case(name="conv", operation=CONV, input_shape=(3, 9, 8))
    assert not np.array_equal(one.x.ravel(), make_tensors(other, 2, seed=0).x.ravel())
    assert not np.array_equal(one.x.ravel()[:100], one.dy.ravel()[:100])


def test_a_small_batch_begins_a_larger_one():
    small, large = make_tensors(CASE, 2, seed=0), make_tensors(CASE, 5, seed=0)
    np.testing.assert_array_equal(small.x, large.x[:2])
    np.testing.assert_array_equal(small.dy, large.dy[:2])
    np.testing.assert_array_equal(small.w, large.w)


def test_weights_are_scaled_by_fan_in():
    conv = Conv(in_channels=64, out_channels=64, kernel_size=(3, 3), groups=2)
    tensors = make_tensors(Case(name="c", operation=conv, input_shape=(64, 5, 5)), 1, seed=0)
    assert np.std(tensors.w) == pytest.approx((32 * 9) ** -0.5, rel=0.05)
    assert np.std(tensors.x) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("fill", ["random", "integers"])
@pytest.mark.parametrize("kernel_size", [(2, 2), (3, 3), (7, 7)])
def test_windows_of_a_maximum_have_one_winner_or_several(fill, kernel_size):
    case = Case(name="max", operation=Pool(kind="max", kernel_size=kernel_size), input_shape=(32, 42, 42))
    x = make_tensors(case, 1, seed=0, fill=fill).x
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(2, 3))
    windows = windows[:, :, :: kernel_size[0], :: kernel_size[1]]
    winners = np.sum(windows == windows.max(axis=(4, 5), keepdims=True), axis=(4, 5))
    assert 0.02 < np.mean(winners > 1) < 0.6


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_the_last_bit_decides_some_windows_of_a_maximum(dtype):
    case = Case(name="max", operation=Pool(kind="max", kernel_size=(3, 3)), input_shape=(32, 42, 42), dtype=dtype)
    x = make_tensors(case, 1, seed=0).x
    windows = np.sort(x.reshape(32, 14, 3, 14, 3).swapaxes(2, 3).reshape(-1, 9)).astype(np.float64)
    largest, second = windows[:, -1], windows[:, -2]
    beside = (largest != second) & (largest - second <= 2 * unit_roundoff(dtype) * np.abs(largest))
    assert np.mean(beside) > 0.005


def test_bfloat16_rounds_to_nearest_even():
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8 - 2**-20, 0.0], np.float32)
    assert round_to(values, "bfloat16").tolist() == [1, 1, 1 + 2**-6, -1 - 2**-7, 0]


def test_photos_are_china_and_flower_in_turn_from_the_centre():
    batch = photos(3, (3, 70, 120))
    assert batch.shape == (3, 3, 70, 120)
    np.testing.assert_array_equal(batch[0], batch[2])
    assert 0 <= batch.min() < batch.max() <= 1
    from PIL import Image
    from sklearn.datasets import load_sample_image

    china = load_sample_image("china.jpg")
    assert Image.fromarray(china).size == (640, 427)
    np.testing.assert_array_equal(batch[0], china[178:248, 260:380].transpose(2, 0, 1) / 255)
    np.testing.assert_array_equal(photos(1, (3, 427, 640))[0], china.transpose(2, 0, 1) / 255)


def test_reading_photos_does_not_import_scikit_learn():
    code = "import sys; from convbench.verify import photos; photos(1, (3, 8, 8)); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_photos_larger_than_they_are_or_of_another_form_are_spec_errors():
    with pytest.raises(SpecError, match="427 x 640 at most"):
        photos(1, (3, 428, 640))
    with pytest.raises(SpecError, match="height, width"):
        photos(1, (3, 40))


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    module = sys.modules["convbench.verify.fillings.photos"]
    module._pixels.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingImages, match=r"convbench\[images\]"):
        photos(1, (3, 8, 8))


def test_without_the_files_the_error_names_the_extra(monkeypatch, tmp_path):
    module = sys.modules["convbench.verify.fillings.photos"]
    module._pixels.cache_clear()
    spec = importlib.machinery.ModuleSpec("sklearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    with pytest.raises(MissingImages, match=r"china.jpg .*convbench\[images\]"):
        photos(1, (3, 8, 8))


def test_line_filters_are_vertical_and_horizontal_in_turn_with_a_bias_of_zero():
    w = line_filters((3, 2, 3, 3), np.dtype(np.float32))
    vertical, horizontal = [[0, 1, 0]] * 3, [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert w[0].tolist() == w[2].tolist() == [vertical] * 2
    assert w[1].tolist() == [horizontal] * 2
    case = Case(name="lines", operation=CONV, input_shape=(3, 8, 9), w_data="lines")
    tensors = make_tensors(case, 1, seed=0)
    np.testing.assert_array_equal(tensors.w, line_filters((4, 3, 3, 3), np.dtype(np.float32)))
    assert not tensors.b.any()
    assert line_filters((2, 1, 3), np.dtype(np.float32)).tolist() == [[[0, 1, 0]], [[1, 1, 1]]]


def test_integers_replace_photos_and_lines():
    case = Case(name="lines", operation=CONV, input_shape=(3, 8, 9), w_data="lines", x_data="photos")
    tensors = make_tensors(case, 1, seed=0, fill="integers")
    assert np.abs(tensors.w).max() > 1
    assert np.array_equal(tensors.x, np.round(tensors.x))


def test_flatten_tells_all_elements_apart_as_far_as_numbers_go():
    case = Case(name="flatten", operation=Flatten(), input_shape=(4, 8, 8))
    assert len(np.unique(make_tensors(case, 1, seed=0, fill="integers").x)) > 200


def test_the_laplacian_is_0_where_a_photograph_is_even_and_keeps_its_edges():
    assert laplacian_filters((1, 2, 3, 3), np.dtype(np.float32)).tolist() == [[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]] * 2]
    step = np.zeros((1, 3, 8, 8), np.float32)
    step[..., 4:] = 1
    operation = Conv(in_channels=3, out_channels=1, kernel_size=(3, 3), bias=False)
    case = Case(name="laplacian", operation=operation, input_shape=(3, 8, 8), w_data="laplacian")
    tensors = replace(make_tensors(case, 1, seed=0), x=step)
    edges = oracle(case, tensors).values("y")[0, 0]
    assert edges.tolist() == [[0, 0, 3, -3, 0, 0]] * 6


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_negative_inputs_are_below_zero_at_every_batch_size(dtype):
    pool = Pool(kind="max", kernel_size=(3, 3), stride=2, padding=1)
    case = Case(name="pool", operation=pool, input_shape=(4, 8, 8), dtype=dtype, x_data="negative")
    small, large = (make_tensors(case, batch_size, seed=3).x for batch_size in (2, 4))
    assert large.max() <= -0.5
    np.testing.assert_array_equal(large[:2], small)
    assert (make_tensors(case, 4, seed=3).dy > 0).any()


def test_a_maximum_that_takes_padding_for_zero_is_wrong_on_the_edge_case_of_negative_inputs():
    cases = {case.name: case for case in load_workload("edge_cases").cases}
    case = cases["square_max_padding_negative"]
    tensors = make_tensors(case, 2, seed=0)
    padded = np.pad(tensors.x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    (found,) = check_against(oracle(case, tensors), {"y": windows.max(axis=(4, 5))})
    assert (found.tensor, found.verdict) == ("y", "disagrees")
