"""Windows by their taps: sums, first maxima and divisors against the definition."""

from __future__ import annotations

import operator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.shared.taps import divisors, fold_taps, window_area
from convbench_specs import Axis, Case, Pool

axes = st.builds(
    Axis,
    size=st.integers(1, 9),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    ceil_mode=st.booleans(),
).filter(lambda axis: axis.output > 0)


@given(axes, axes)
def test_folding_by_addition_sums_each_window(first, second):
    x = np.random.default_rng(0).integers(-9, 9, (2, first.size, second.size, 3))
    padded = np.pad(x, [(0, 0), (first.before, first.behind), (second.before, second.behind), (0, 0)])
    folded = fold_taps(padded, [(1, first), (2, second)], operator.add)
    assert folded.shape == (2, first.output, second.output, 3)
    for i, j in product(range(first.output), range(second.output)):
        rows = [i * first.stride + t * first.dilation for t in range(first.kernel)]
        columns = [j * second.stride + t * second.dilation for t in range(second.kernel)]
        assert np.array_equal(folded[:, i, j], padded[:, rows][:, :, columns].sum((1, 2)))


def test_folding_keeps_the_first_of_equal_taps_in_row_major_order():
    values = np.array([[[1, 5, 5], [5, 5, 1]]])
    places = np.arange(6).reshape(values.shape)
    window = [(1, Axis(size=2, kernel=2)), (2, Axis(size=3, kernel=3))]
    largest = fold_taps(
        np.stack([values, places], axis=-1), window, lambda a, b: np.where(b[..., :1] > a[..., :1], b, a)
    )
    assert largest.ravel().tolist() == [5, 1]


@pytest.mark.parametrize(
    ("count_include_pad", "expected"),
    [(True, [[6, 6, 6], [6, 6, 6], [4, 4, 4]]), (False, [[4, 4, 2], [6, 6, 3], [2, 2, 1]])],
)
def test_divisors_count_padding_if_asked_and_overhang_never(count_include_pad, expected):
    pool = Pool(
        kind="average",
        kernel_size=(3, 2),
        stride=(2, 2),
        padding=((1, 1), (0, 1)),
        ceil_mode=True,
        count_include_pad=count_include_pad,
    )
    case = Case(name="case", operation=pool, input_shape=(1, 4, 5))
    assert np.array_equal(divisors(case), expected)


def test_divisors_that_are_all_alike_are_one_number():
    case = Case(name="case", operation=Pool(kind="average", kernel_size=(2, 3)), input_shape=(1, 6, 7))
    assert divisors(case) == window_area(case) == 6
