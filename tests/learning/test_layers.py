"""The host's own layers and loss: their gradients are the derivatives of what they compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.learning.dense import DenseLayer
from convbench.learning.loss import cross_entropy
from convbench.learning.relu import Relu

H = 1e-6
ERROR = 1e-7
"""Central differences of numbers near 1 in float64 are off by about H^2 and by a rounding over H."""


def slope(function, at):
    """Derivatives of a number by each element of an array, by central differences."""
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + H
        above = function()
        at[index] = kept - H
        below = function()
        at[index] = kept
        found[index] = (above - below) / (2 * H)
    return found


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_gradients_of_a_dense_layer_are_its_derivatives(batch, features, units, seed):
    random = np.random.default_rng(seed)
    x, w, b, dy = (random.normal(size=shape) for shape in ((batch, features), (units, features), units, (batch, units)))
    dw, db = np.zeros_like(w), np.zeros_like(b)
    layer = DenseLayer("dense", w=w, b=b, dw=dw, db=db)

    def product():
        return float((layer.forward(x) * dy).sum())

    expected = [slope(product, each) for each in (x, w, b)]
    product()
    for found, right in zip((layer.backward(dy), dw, db), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=ERROR)


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_gradient_of_the_loss_is_its_derivative(batch, classes, seed):
    random = np.random.default_rng(seed)
    outputs, labels = random.normal(size=(batch, classes)), random.integers(classes, size=batch)
    expected = slope(lambda: cross_entropy(outputs, labels)[0], outputs)
    np.testing.assert_allclose(cross_entropy(outputs, labels)[1], expected, atol=ERROR)


def test_loss_is_what_the_textbook_says():
    loss, gradient = cross_entropy(np.log([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0]))
    assert loss == pytest.approx((-np.log(0.8) - np.log(0.5)) / 2)
    np.testing.assert_allclose(gradient, [[0.1, -0.1], [-0.25, 0.25]])


def test_loss_of_huge_outputs_is_finite():
    loss, gradient = cross_entropy(np.array([[1e4, 0.0], [0.0, 1e4]], np.float32), np.array([1, 1]))
    assert loss == pytest.approx(5000)
    assert np.isfinite(gradient).all()
    assert gradient.dtype == np.float32


def test_gradient_of_relu_is_its_derivative_away_from_0():
    layer, x, dy = Relu("relu"), np.array([[-2.0, -0.5, 0.5, 2.0]]), np.array([[3.0, 5.0, 7.0, 11.0]])
    expected = slope(lambda: float((layer.forward(x) * dy).sum()), x)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(dy), expected, atol=ERROR)


def test_gradient_of_relu_is_0_at_0():
    layer = Relu("relu")
    np.testing.assert_array_equal(layer.forward(np.array([0.0, -0.0, 5e-324])), [0, 0, 5e-324])
    np.testing.assert_array_equal(layer.backward(np.ones(3)), [0, 0, 1])
