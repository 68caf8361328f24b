"""Which steps are looked at, and how time is divided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.learning.parameters import Part
from convbench.training.comparing import compare_weights
from convbench.training.schedule import chunk_of, kept_steps, shares_of_time

SECONDS = st.floats(1e-6, 1e6)


@given(st.dictionaries(st.text(max_size=3), SECONDS, min_size=1, max_size=6), SECONDS)
def test_nobody_gets_more_than_needed_and_whoever_is_cut_gets_most(needed, left):
    shares = shares_of_time(needed, left)
    assert sum(shares.values()) <= left * (1 + 1e-9)
    assert all(shares[name] <= needed[name] for name in needed)
    cut = [shares[name] for name in needed if shares[name] < needed[name]]
    assert not cut or min(cut) >= max(shares.values()) * (1 - 1e-9)


@given(st.integers(1, 10**5), st.none() | st.integers(1, 200))
def test_weights_are_kept_at_the_step_of_the_bound(last, bound):
    steps = list(kept_steps(last, bound))
    assert steps == sorted(set(steps))
    assert steps[-1] <= last
    assert bound is None or bound > last or bound in steps


@given(st.none() | st.floats(0, 100), st.integers(1, 10**6))
def test_a_chunk_has_a_step_at_least_and_no_more_than_are_left(step_s, left):
    assert 1 <= chunk_of(step_s, left) <= left


def test_the_part_that_is_furthest_off_is_named():
    parts = [Part("conv1", "w", (2,), 0), Part("conv1", "b", (1,), 2), Part("dense1", "w", (2,), 3)]
    reference, weights = np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 2, 3.5, 4, 5.5])
    found = compare_weights(weights, reference, parts)
    assert (found.layer, found.tensor) == ("conv1", "b")
    assert found.distance == pytest.approx(np.sqrt(0.5) / np.sqrt(55))
    assert compare_weights(np.full(5, np.nan), reference, parts).distance == np.inf
