"""Case: shapes of everything that it reads and makes, and every case that cannot be."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench_specs import PASSES, Axis, Case, Conv, Flatten, Pool, SpecError, tensors_of


def conv(shape, out_channels=2, kernel_size=(3, 3), *, dtype="float32", x="random", w="random", **parameters) -> Case:
    operation = Conv(in_channels=shape[0], out_channels=out_channels, kernel_size=kernel_size, **parameters)
    return Case(name="conv", operation=operation, input_shape=shape, dtype=dtype, x_data=x, w_data=w)


def pool(shape, kernel_size=(2, 2), kind="max", **parameters) -> Case:
    operation = Pool(kind=kind, kernel_size=kernel_size, **parameters)
    return Case(name="pool", operation=operation, input_shape=shape)


def flatten(shape) -> Case:
    return Case(name="flatten", operation=Flatten(), input_shape=shape)


@pytest.mark.parametrize(
    ("case", "output_shape"),
    [
        (conv((1, 5, 7), 1, stride=2, padding=1), (1, 3, 4)),
        (conv((3, 70, 120), 32, (7, 7)), (32, 64, 114)),
        (conv((3, 70, 120), 32, (7, 7), padding="same"), (32, 70, 120)),
        (conv((3, 70, 120), 32, (7, 7), padding="same", stride=2), (32, 35, 60)),
        (conv((1, 28, 28), 1, (5, 5)), (1, 24, 24)),
        (conv((1, 5, 5), 1), (1, 3, 3)),
        (conv((3, 227, 227), 96, (11, 11), stride=4), (96, 55, 55)),
        (conv((3, 100, 150), 200, (5, 5), padding="same"), (200, 100, 150)),
        (conv((1, 13), 1, 6, stride=5), (1, 2)),
        (conv((1, 13), 1, 6, stride=5, padding="same"), (1, 3)),
        (conv((1, 5), 1, 3, padding="same"), (1, 5)),
        (conv((2, 2, 3), 3, (5, 5), padding=2), (3, 2, 3)),
        (pool((64, 11, 11)), (64, 5, 5)),
        (pool((3, 8, 8), (3, 3), stride=2, ceil_mode=True), (3, 4, 4)),
        (pool((3, 70, 120), "global", "average"), (3, 1, 1)),
        (pool((3, 70), "global"), (3, 1)),
        (pool((12, 5, 6), 3, over="channels"), (4, 5, 6)),
        (pool((7, 5), 3, over="channels"), (2, 5)),
        (flatten((64, 3, 3)), (576,)),
        (flatten((5, 7)), (35,)),
    ],
    ids=str,
)
def test_output_shape(case, output_shape):
    assert case.output_shape == output_shape
    assert case.y_shape(7) == case.shape_of("y", 7) == (7, *output_shape)


def test_same_padding_is_resolved_once_with_the_odd_one_at_the_right_and_bottom():
    case = conv((1, 13, 13), 1, (6, 6), stride=5, padding="same")
    assert [(axis.before, axis.after) for axis in case.axes] == [(1, 2), (1, 2)]


def test_weights_of_the_two_photographs():
    case = conv((3, 70, 120), 32, (7, 7))
    assert case.w_shape == case.shape_of("dw", 2) == (32, 3, 7, 7)
    assert case.b_shape == case.shape_of("db", 2) == (32,)
    assert case.x_shape(2) == case.shape_of("dx", 2) == (2, 3, 70, 120)


def test_im2col_of_the_first_layer_of_alexnet():
    """X_col is 363 x 3025, W_row 96 x 363, their product 96 x 3025."""
    case = conv((3, 227, 227), 96, (11, 11), stride=4)
    places = prod(axis.output for axis in case.axes)
    rows, columns = case.w_shape[0], prod(case.w_shape[1:])
    assert (columns, places) == (363, 3025)
    assert (rows, columns) == (96, 363)
    assert (rows, places) == (96, prod(case.output_shape[1:])) == (96, 3025)


def test_a_batch_of_none_has_shapes_too():
    assert flatten((5, 7)).y_shape(0) == (0, 35)


@pytest.mark.parametrize(
    ("case", "gradients"),
    [
        (conv((3, 5, 5)), ("dx", "dw", "db")),
        (conv((3, 5, 5), bias=False), ("dx", "dw")),
        (pool((3, 5, 5)), ("dx",)),
        (flatten((3, 5, 5)), ("dx",)),
    ],
    ids=["with bias", "without bias", "pool", "flatten"],
)
def test_each_pass_returns_the_tensors_that_the_case_has(case, gradients):
    assert [tensors_of(case, name) for name in PASSES] == [("y",), gradients, ("y", *gradients)]


def test_a_tensor_that_a_case_does_not_have_is_an_error():
    with pytest.raises(SpecError, match="db does not exist for conv"):
        conv((3, 5, 5), bias=False).shape_of("db", 1)


def test_a_global_pool_is_one_window_over_each_axis():
    assert pool((3, 4, 6), "global").axes == (Axis(size=4, kernel=4), Axis(size=6, kernel=6))


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_a_pool_over_channels_is_an_ordinary_window_on_its_view(batch_size, channels, group, height, width):
    group = min(group, channels)
    case = pool((channels, height, width), group, over="channels")
    x = np.random.default_rng(0).integers(-9, 9, case.x_shape(batch_size))
    rows, columns = case.axes
    view = x.reshape(case.x_view_shape(batch_size))
    assert (columns.kernel, columns.stride, columns.output) == (1, 1, height * width)
    y_view = np.stack(
        [view[:, :, o * rows.stride : o * rows.stride + rows.kernel].max(axis=2) for o in range(rows.output)], axis=2
    )
    assert y_view.shape == case.y_view_shape(batch_size)
    groups = channels // group
    expected = x[:, : groups * group].reshape(batch_size, groups, group, height, width).max(axis=2)
    assert np.array_equal(y_view.reshape(case.y_shape(batch_size)), expected)


def test_views_of_other_operations_are_the_tensors_themselves():
    case = pool((3, 8, 8), (2, 2))
    assert (case.x_view_shape(2), case.y_view_shape(2)) == ((2, 3, 8, 8), (2, 3, 4, 4))


def test_the_depth_does_not_change_in_a_spatial_pool():
    assert all(pool((depth, 6, 6)).output_shape[0] == depth for depth in (1, 17, 64))


@pytest.mark.parametrize(
    ("make", "key", "problem"),
    [
        (
            lambda: conv((3, 2, 9)),
            "kernel_size",
            r"larger than the padded input: 3 with dilation 1 spans 3 of 2 on axis 0",
        ),
        (lambda: conv((3, 9, 4), dilation=2), "kernel_size", r"3 with dilation 2 spans 5 of 4 on axis 1"),
        (lambda: pool((3, 1, 9)), "kernel_size", "larger than the padded input"),
        (lambda: pool((3, 9, 9), 5, over="channels"), "kernel_size", "larger than the padded input"),
        (lambda: pool((3, 3, 3), (2, 2), padding=2), "padding", "leaves a pooling window without input on axis 0"),
        (lambda: conv((3, 9, 9), kernel_size=3), "kernel_size", "has 1 spatial axes, the input 2"),
        (lambda: pool((3, 9), (2, 2)), "kernel_size", "has 2 spatial axes, the input 1"),
        (lambda: flatten((3,)), "input", r"must be \[channels, width\] or \[channels, height, width\]"),
        (lambda: flatten((3, 4, 5, 6)), "input", "must be"),
        (lambda: flatten((3, 0, 5)), "input", "must be at least 1"),
        (lambda: flatten(()), "input", "must be at least 1"),
        (lambda: conv((3, 9, 9), dtype="float8"), "dtype", "'float64' or 'float32' or 'bfloat16' or 'float16'"),
        (lambda: conv((3, 9, 9), dtype=["float32"]), "dtype", "must be"),
        (lambda: conv((3, 9, 9), x="photo"), "x", "must be 'random' or 'negative' or .* or 'turned', not 'photo'"),
        (lambda: conv((3, 9, 9), w="line"), "w", "must be 'random' or 'lines' or 'laplacian', not 'line'"),
        (lambda: conv((1, 9, 9), x="photos"), "x", r"input of \[3, height, width\], not \[1, 9, 9\]"),
        (lambda: conv((3, 9), kernel_size=3, x="photos"), "x", r"input of \[3, height, width\], not \[3, 9\]"),
        (lambda: conv((3, 428, 9), x="photos"), "x", "427 x 640 at most, not 428 x 9"),
        (lambda: conv((3, 9, 641), x="photos"), "x", "427 x 640 at most, not 9 x 641"),
        (
            lambda: Case(name="f", operation=Flatten(), input_shape=(1, 2), w_data="lines"),
            "w",
            "only for a convolution",
        ),
        (
            lambda: Case(
                name="c", operation=Conv(in_channels=4, out_channels=1, kernel_size=(1, 1)), input_shape=(3, 2, 2)
            ),
            "in_channels",
            "is 4, the input has 3",
        ),
    ],
)
def test_a_case_that_cannot_be_names_the_parameter_and_the_problem(make, key, problem):
    with pytest.raises(SpecError, match=problem) as caught:
        make()
    assert caught.value.key == key


def test_with_dtype_changes_nothing_else():
    case = conv((3, 70, 120), kernel_size=(7, 7), x="photos", w="lines")
    changed = case.with_dtype("float64")
    assert changed.dtype == "float64"
    assert changed.with_dtype("float32") == case
