"""First weights, the vector that holds all of them, and the order of the images: the same for every backend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import SMALL, small_network

from convbench.learning.batches import batch_of, order_of, steps_of_epoch
from convbench.learning.initialization import first_weights, moved
from convbench.learning.optimizers import RmsProp, Sgd
from convbench.learning.parameters import Parameters, initialize, parts_of

FLOAT64, FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)


def initialized(dtype, seed=0, text=SMALL):
    network = small_network(text, dtype=dtype.name)
    parameters = Parameters(parts_of(network, dtype), dtype)
    initialize(parameters, network, seed=seed)
    return parameters


def test_each_part_of_the_vector_begins_at_a_cache_line_and_none_overlap():
    for dtype in (FLOAT64, FLOAT32):
        parameters = initialized(dtype)
        assert all(view.ctypes.data % 64 == 0 for _, view in parameters)
        ends = [part.place.stop for part in parameters.parts]
        starts = [part.start for part in parameters.parts]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def test_a_view_and_the_vector_are_the_same_memory():
    parameters = initialized(FLOAT64)
    parameters.of("conv1")["w"][...] = 7
    part = next(part for part in parameters.parts if (part.layer, part.tensor) == ("conv1", "w"))
    assert (parameters.vector[part.place] == 7).all()


def test_first_weights_are_the_same_bits_each_time_and_rounded_in_float32():
    one, other, single = initialized(FLOAT64), initialized(FLOAT64), initialized(FLOAT32)
    np.testing.assert_array_equal(one.vector, other.vector)
    for (_, wide), (_, narrow) in zip(one, single, strict=True):
        np.testing.assert_array_equal(wide.astype(np.float32), narrow)
    assert not np.array_equal(one.vector, initialized(FLOAT64, seed=1).vector)


def test_biases_start_as_0_and_weights_do_not():
    for part, view in initialized(FLOAT64):
        assert (view == 0).all() == (part.tensor == "b")


def test_first_weights_have_the_spread_of_their_formula():
    shape = (64, 32, 5, 5)
    uniform = first_weights("glorot_uniform", shape, seed=3, layer=0, fan_out=64 * 25)
    limit = np.sqrt(6 / (32 * 25 + 64 * 25))
    assert 0.99 * limit < np.abs(uniform).max() <= limit
    normal = first_weights("he_normal", shape, seed=3, layer=0, fan_out=1)
    assert normal.std() == pytest.approx(np.sqrt(2 / (32 * 25)), rel=0.02)


@given(st.integers(0, 2**32), st.sampled_from([np.float64, np.float32]))
@settings(max_examples=20, deadline=None)
def test_moved_weights_are_neighbours_and_zeros_stay(seed, dtype):
    weights = np.random.default_rng(seed).normal(size=50).astype(dtype)
    weights[::5] = 0
    found = moved(weights, seed=1)
    assert found.dtype == weights.dtype
    np.testing.assert_array_equal(found[::5], 0)
    away = weights != 0
    assert (found[away] != weights[away]).all()
    apart = np.minimum(np.nextafter(weights, np.inf) - weights, weights - np.nextafter(weights, -np.inf))
    assert (np.abs(found - weights)[away] <= 2 * apart[away]).all()


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_an_epoch_has_each_image_at_most_once(images, batch_size, epoch):
    steps = steps_of_epoch(images, batch_size)
    batches = [batch_of(epoch * steps + step, images, batch_size, seed=0) for step in range(1, steps + 1)]
    seen = np.concatenate(batches) if batches else np.zeros(0, int)
    assert len(seen) == steps * batch_size == len(set(seen.tolist()))
    assert images - len(seen) < batch_size


def test_each_epoch_has_an_order_of_its_own():
    assert not np.array_equal(order_of(0, 50, seed=0), order_of(1, 50, seed=0))
    assert not np.array_equal(order_of(0, 50, seed=0), order_of(0, 50, seed=1))


def test_sgd_with_momentum_follows_its_formula():
    weights, optimizer = np.array([1.0]), Sgd(1, FLOAT64, rate=0.1, momentum=0.5)
    for gradient in (2.0, 4.0):
        optimizer.step(weights, np.array([gradient]))
    np.testing.assert_allclose(weights, 1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 4))


def test_rmsprop_follows_its_formula():
    weights, optimizer = np.array([1.0]), RmsProp(1, FLOAT64, rate=0.1, rho=0.9, epsilon=1e-7)
    optimizer.step(weights, np.array([2.0]))
    np.testing.assert_allclose(weights, 1 - 0.1 * 2 / (np.sqrt(0.1 * 4) + 1e-7))
