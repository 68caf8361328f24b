"""Sums and maxima of windows by halves are those of the definition, tap by tap, however long the windows are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.verify.reference.sliding import first_largest, spread_sums, window_sums
from convbench_specs import Axis


@st.composite
def slides(draw):
    """An axis without padding, and whole numbers along it, with other dimensions around."""
    kernel, stride, dilation = draw(st.integers(1, 40)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    size = (kernel - 1) * dilation + 1 + draw(st.integers(0, 60))
    axis = Axis(size=size, kernel=kernel, stride=stride, dilation=dilation)
    values = np.random.default_rng(draw(st.integers(0, 999))).integers(0, 9, (2, size, 3)).astype(np.float64)
    return axis, values


def taps_of(axis, values):
    """What each window reads, as (2, windows, taps, 3)."""
    starts, taps = np.arange(axis.output) * axis.stride, np.arange(axis.kernel) * axis.dilation
    return values[:, starts[:, None] + taps]


@settings(max_examples=400, deadline=None)
@given(slides())
def test_window_sums_are_the_sums_of_their_taps(slide):
    axis, values = slide
    np.testing.assert_array_equal(window_sums(values, 1, axis, axis.output), taps_of(axis, values).sum(axis=2))


@settings(max_examples=400, deadline=None)
@given(slides(), st.booleans())
def test_the_first_largest_is_that_of_the_taps_and_nan_is_larger_than_all(slide, has_nan):
    axis, values = slide
    if has_nan:
        values[:, values.shape[1] // 2] = np.nan
    largest, taps = first_largest(values, 1, axis, axis.output)
    read = taps_of(axis, values)
    np.testing.assert_array_equal(largest, read.max(axis=2))
    np.testing.assert_array_equal(taps, read.argmax(axis=2))


@settings(max_examples=400, deadline=None)
@given(slides(), st.integers(0, 99))
def test_spread_sums_are_the_adjoint_of_window_sums(slide, seed):
    axis, x = slide
    dy = np.random.default_rng(seed).integers(-9, 9, (2, axis.output, 3)).astype(np.float64)
    spread, read = spread_sums(dy, 1, axis), (axis.output - 1) * axis.stride + axis.extent
    assert spread.shape == (2, read, 3)
    assert np.sum(spread * x[:, :read]) == np.sum(dy * window_sums(x, 1, axis, axis.output))


def test_infinity_stays_in_its_own_windows():
    values = np.ones(5000)
    values[2500] = np.inf
    sums = window_sums(values, 0, Axis(size=5000, kernel=1000), 4001)
    assert np.flatnonzero(np.isinf(sums)).tolist() == list(range(1501, 2501))
    assert set(sums[:1501]) == {1000.0}


@pytest.mark.parametrize("stride", [1, 3])
def test_long_windows_are_summed_well_in_steps_that_grow_with_the_logarithm(stride):
    steps, axis = [], Axis(size=400_000, kernel=100_000, stride=stride)  # by taps: 3 * 10^10 additions

    class Counted(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **more):
            steps.append(ufunc.__name__)
            plain = [each.view(np.ndarray) if isinstance(each, Counted) else each for each in inputs]
            into = {} if out is None else {"out": tuple(each.view(np.ndarray) for each in out)}
            return getattr(ufunc, method)(*plain, **into, **more).view(Counted)

    values = np.random.default_rng(0).random(400_000)
    sums = window_sums(values.view(Counted), 0, axis, axis.output).view(np.ndarray)
    assert len(steps) < 3 * axis.kernel.bit_length()
    totals = np.concatenate([[0.0], np.cumsum(values.astype(np.longdouble))])
    right = (totals[axis.kernel :] - totals[: -axis.kernel])[::stride]
    np.testing.assert_allclose(sums, right.astype(np.float64), rtol=1e-14)
