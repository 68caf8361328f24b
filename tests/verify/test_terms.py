"""How many terms an element has follows from the windows' definition, and is counted without going through it."""

from __future__ import annotations

import numpy as np
import pytest
from axis_strategy import random_axes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verify_cases import cases

from convbench.verify.bounds.terms import most_terms, reached_share, readers_along, terms_of
from convbench_specs import Axis, Case, Conv, tensors_of

axes = random_axes(most_padding=9).filter(lambda axis: axis.output > 0)


def places_read(axis, mode="zeros"):
    """The input place that each window, in rows, reads with each tap, in columns."""
    windows, taps = np.arange(axis.output), np.arange(axis.kernel)
    places = windows[:, None] * axis.stride + taps * axis.dilation - axis.before
    return places.clip(0, axis.size - 1) if mode == "edge" else places


@settings(max_examples=500, deadline=None)
@given(axes, st.sampled_from(["zeros", "edge"]))
def test_readers_of_a_place_are_the_windows_and_taps_that_read_it(axis, mode):
    places = places_read(axis, mode)
    expected = np.bincount(places[(places >= 0) & (places < axis.size)], minlength=axis.size)
    assert readers_along(axis, mode).tolist() == expected.tolist()


@settings(max_examples=200, deadline=None)
@given(case=cases(), batch=st.integers(0, 3))
def test_the_most_terms_are_those_of_the_element_that_has_the_most(case, batch):
    for name in tensors_of(case, "both"):
        assert most_terms(case, name, batch) == np.max(terms_of(case, name, batch))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(case=cases().filter(lambda case: isinstance(case.operation, Conv) and not case.operation.bias))
def test_the_reached_share_is_that_of_elements_with_any_term_on_the_input(case):
    mode = case.operation.padding_mode
    shares = {"y": 1.0, "dx": 1.0, "dw": 1.0}
    for axis in case.axes:
        places = places_read(axis, mode)
        inside = (places >= 0) & (places < axis.size)
        read = np.isin(np.arange(axis.size), places)
        for name, share in (("y", inside.any(axis=1)), ("dw", inside.any(axis=0)), ("dx", read)):
            shares[name] *= float(np.mean(share))
    for name, share in shares.items():
        assert reached_share(case, name, 1) == pytest.approx(share)


def test_terms_along_a_long_axis_take_one_pass():
    axis = Axis(size=1_000_000, kernel=300_001, before=150_000, after=150_000)  # by taps: 3 * 10^11 steps
    readers = readers_along(axis, "zeros")
    assert readers[[0, 1, 500_000, -1]].tolist() == [150_001, 150_002, 300_001, 150_001]
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(300_001,), padding=((150_000, 150_000),))
    assert reached_share(Case(name="long", operation=conv, input_shape=(1, 1_000_000)), "dw", 1) == 1.0
