"""The common small windows of pools: what their kernels compute is what those of any window compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convbench_backends.numba_cpu.geometry import first_taps, spans, taps
from convbench_backends.numba_cpu.pooling import kernels, runs, small_gradients, small_windows
from convbench_specs import Axis

DTYPES = pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
SPECIAL = (np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1.0, -1.0)
PLANES = 3


@st.composite
def windows(draw):
    """Two axes of windows of one size and stride, each of which reaches the input."""
    kernel, stride = draw(st.sampled_from(list(runs.SMALL_MAXIMA)))

    def axis():
        before, after = (draw(st.integers(0, kernel - 1)) for _ in range(2))
        rest = {"before": before, "after": after, "ceil_mode": draw(st.booleans())}
        return Axis(size=draw(st.integers(1, 80)), kernel=kernel, stride=stride, **rest)

    vertical, horizontal = axis(), axis()
    assume(vertical.output and horizontal.output)
    assume(runs.small_window(vertical, horizontal) == (kernel, stride))
    return vertical, horizontal


def planes(vertical, horizontal, seed, dtype):
    """X with ties and special values, and dy, of numbers whose sums are exact in any order."""
    generator = np.random.default_rng(seed)
    x = generator.integers(-40, 41, (PLANES, vertical.size, horizontal.size)) / 4
    special = generator.random(x.shape) < generator.choice([0.0, 0.05, 0.6])
    x[special] = generator.choice(SPECIAL, special.sum())
    dy = generator.integers(-9, 10, (PLANES, vertical.output, horizontal.output))
    return x.astype(dtype), dy.astype(dtype)


def assert_same_bits_but_for_the_kind_of_nan(found, right):
    np.testing.assert_array_equal(found, right)
    assert (np.signbit(found) == np.signbit(right))[~np.isnan(right)].all()


@DTYPES
@settings(max_examples=150, deadline=None)
@given(windows(), st.integers(1, 50), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_small_maxima_are_those_of_any_window_in_bands_of_any_height(dtype, axes, band, tasks, seed):
    vertical, horizontal = axes
    maximum, gradient = runs.SMALL_MAXIMA[vertical.kernel, vertical.stride]
    x, dy = planes(*axes, seed, dtype)
    places = np.array([vertical.before, horizontal.before, band])
    right_y, y, dx, right_dx = np.empty_like(dy), np.empty_like(dy), np.empty_like(x), np.empty_like(x)
    which = np.empty(dy.shape, np.uint8)
    stride = np.array([horizontal.stride])
    kernels.max_forward(3, x, taps(vertical), spans(horizontal), stride, first_taps(*axes), right_y, which)
    any_window = runs.any_max_runs(x, dy, *axes)
    maximum(tasks, x, places, y)
    assert_same_bits_but_for_the_kind_of_nan(y, right_y)
    any_window.forward(right_y)
    assert_same_bits_but_for_the_kind_of_nan(y, right_y)
    gradient(tasks, dy, which, places, dx)
    any_window.backward(which, right_dx)
    np.testing.assert_array_equal(dx, right_dx)


@DTYPES
@settings(max_examples=100, deadline=None)
@given(st.integers(2, 80), st.integers(2, 80), st.integers(1, 50), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_small_averages_are_those_of_any_window(dtype, height, width, band, tasks, seed):
    axes = [Axis(size=size, kernel=2, stride=2) for size in (height, width)]
    x, dy = planes(*axes, seed, dtype)
    any_window = runs.any_average_runs(x, dy, *axes, count_padding=True)
    places = np.array([0, 0, band])
    right_y, y, dx, right_dx = np.empty_like(dy), np.empty_like(dy), np.empty_like(x), np.empty_like(x)
    any_window.forward(right_y)
    small_windows.averages_of_2(tasks, x, places, y)
    np.testing.assert_array_equal(y, right_y)
    any_window.backward(right_dx)
    small_gradients.average_gradient_of_2(tasks, dy, places, dx)
    np.testing.assert_array_equal(dx, right_dx)


@pytest.mark.parametrize("size", [2, 3])
def test_sums_of_overlapping_gradients_do_not_depend_on_tasks_or_bands(size):
    axes = [Axis(size=side, kernel=size, stride=2, before=1, after=1) for side in (37, 70)]
    generator = np.random.default_rng(0)
    dy = generator.standard_normal((PLANES, axes[0].output, axes[1].output)).astype(np.float32)
    which = generator.integers(0, size**2, dy.shape).astype(np.uint8)

    def bits(tasks, band):
        dx = np.empty((PLANES, 37, 70), np.float32)
        runs.SMALL_MAXIMA[size, 2][1](tasks, dy, which, np.array([1, 1, band]), dx)
        return dx.tobytes()

    right = bits(1, 100)
    assert {bits(tasks, band) for tasks in (1, 2, 5) for band in (1, 3, 19)} == {right}


@st.composite
def averages(draw):
    """Two axes of any windows, each of which reaches the input, and whether padding counts."""
    small = st.integers(1, 4)

    def axis():
        before, after = (draw(st.integers(0, 3)) for _ in range(2))
        rest = {"stride": draw(small), "dilation": draw(st.integers(1, 2)), "ceil_mode": draw(st.booleans())}
        return Axis(size=draw(st.integers(1, 40)), kernel=draw(small), before=before, after=after, **rest)

    vertical, horizontal = axis(), axis()
    assume(all(axis.output and axis.fewest_taps for axis in (vertical, horizontal)))
    return vertical, horizontal, draw(st.booleans())


@settings(max_examples=100, deadline=None)
@given(averages(), st.integers(0, 2**32 - 1))
def test_each_tap_of_an_average_gets_its_share_of_dy(pool, seed):
    vertical, horizontal, counts_padding = pool
    x, dy = planes(vertical, horizontal, seed, np.float32)
    dx, right = np.full_like(x, np.nan), np.zeros(x.shape)
    tall, wide = (axis.taps(count_padding=counts_padding) for axis in (vertical, horizontal))
    rows, columns = taps(vertical), taps(horizontal)
    for r, i in np.argwhere(rows >= 0):
        for s, j in np.argwhere(columns >= 0):
            right[:, rows[r, i], columns[s, j]] += dy[:, i, j] / (tall[i] * wide[j])
    runs.any_average_runs(x, dy, vertical, horizontal, count_padding=counts_padding).backward(dx)
    np.testing.assert_allclose(dx, right, rtol=1e-5, atol=1e-5)
