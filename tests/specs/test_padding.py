"""Padding: what may be said, what it resolves to, and that the gradient of padding is its adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convbench_specs import Axis, SpecError, pad_array, same_padding, unpad_gradient
from convbench_specs.padding import parse_padding

sizes = st.integers(1, 40)
small = st.integers(1, 7)
amounts = st.integers(0, 4)


@st.composite
def padded_inputs(draw):
    """(x, axes): whole numbers of shape (N, C, *spatial), with windows that ceil mode may let hang over."""
    rank = draw(st.integers(1, 2))
    axes = []
    for _ in range(rank):
        before, after, size = draw(amounts), draw(amounts), draw(st.integers(1, 6))
        kernel = draw(st.integers(1, before + size + after))
        axes.append(
            Axis(
                size=size, kernel=kernel, stride=draw(small), before=before, after=after, ceil_mode=draw(st.booleans())
            )
        )
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *(axis.size for axis in axes))
    return draw(arrays(np.int64, shape, elements=st.integers(-9, 9))), axes


def test_same_padding_of_the_worked_example_is_one_left_and_two_right():
    assert same_padding(size=13, kernel=6, stride=5, dilation=1) == (1, 2)


@given(sizes, small, small, st.integers(1, 3))
def test_same_padding_gives_the_size_over_the_stride_rounded_up(size, kernel, stride, dilation):
    before, after = same_padding(size, kernel, stride, dilation)
    axis = Axis(size=size, kernel=kernel, stride=stride, dilation=dilation, before=before, after=after)
    assert axis.output == -(-size // stride)


@given(sizes, small, small, st.integers(1, 3))
def test_same_padding_is_the_least_there_is_with_the_odd_one_behind(size, kernel, stride, dilation):
    before, after = same_padding(size, kernel, stride, dilation)
    assert after - before in (0, 1)
    if after:
        less = Axis(size=size, kernel=kernel, stride=stride, dilation=dilation, before=before, after=after - 1)
        assert less.output < -(-size // stride)


@pytest.mark.parametrize(
    ("value", "rank", "parsed"),
    [
        ("valid", 2, "valid"),
        ("same", 1, "same"),
        (1, 2, ((1, 1), (1, 1))),
        ([1, 2], 2, ((1, 1), (2, 2))),
        ([[0, 2], [3, 1]], 2, ((0, 2), (3, 1))),
        ([[0, 2], 1], 2, ((0, 2), (1, 1))),
        (((8, 0),), 1, ((8, 0),)),
    ],
)
def test_padding_may_be_a_name_a_number_or_pairs(value, rank, parsed):
    assert parse_padding(value, rank) == parsed


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("full", "must be 'valid', 'same'"),
        (-1, "must be at least 0"),
        ([[0, -2], [0, 0]], "must be at least 0"),
        ([1], "must name 2 spatial axes"),
        ([1, 2, 3], "must name 2 spatial axes"),
        (1.5, "must name 2 spatial axes"),
        (True, "must name 2 spatial axes"),
        ([True, 1], "must be whole numbers"),
        ([[1, 2, 3], [1, 1]], "must be whole numbers"),
        ([[1.0, 2], [1, 1]], "must be whole numbers"),
        (["1", "1"], "must be whole numbers"),
    ],
)
def test_padding_that_cannot_be_is_an_error_of_its_key(value, problem):
    with pytest.raises(SpecError, match=problem) as caught:
        parse_padding(value, 2)
    assert caught.value.key == "padding"


@given(padded_inputs(), st.sampled_from(["zeros", "edge"]), st.randoms(use_true_random=False))
def test_the_gradient_of_padding_is_its_adjoint(padded_input, mode, random):
    """<pad(x), g> = <x, unpad(g)> for every x and g; whole numbers make it exact."""
    x, axes = padded_input
    padded = pad_array(x, axes, mode=mode)
    gradient = np.array([random.randint(-9, 9) for _ in range(padded.size)], np.int64).reshape(padded.shape)
    assert np.vdot(padded, gradient) == np.vdot(x, unpad_gradient(gradient, axes, mode=mode))


@given(padded_inputs())
def test_padding_with_zeros_puts_the_input_between_its_fill(padded_input):
    x, axes = padded_input
    padded = pad_array(x.astype(float), axes, fill=-np.inf)
    inside = (..., *(slice(axis.before, axis.before + axis.size) for axis in axes))
    assert padded.shape == (*x.shape[:2], *(axis.padded + axis.overhang for axis in axes))
    assert np.array_equal(padded[inside], x)
    assert np.isneginf(padded).sum() == padded.size - x.size


@given(padded_inputs())
def test_padding_with_the_edge_repeats_the_nearest_element(padded_input):
    x, axes = padded_input
    nearest = (np.clip(np.arange(axis.padded + axis.overhang) - axis.before, 0, axis.size - 1) for axis in axes)
    assert np.array_equal(pad_array(x, axes, mode="edge"), x[np.ix_(*map(range, x.shape[:2]), *nearest)])


def test_unpad_gradient_does_not_change_what_it_reads():
    gradient = np.ones((1, 1, 5))
    unpad_gradient(gradient, [Axis(size=3, kernel=3, before=1, after=1)], mode="edge")
    assert np.array_equal(gradient, np.ones((1, 1, 5)))


def test_pad_array_is_a_copy_even_where_nothing_is_padded():
    x = np.zeros((1, 1, 3))
    pad_array(x, [Axis(size=3, kernel=3)])[...] = 1
    assert not x.any()
