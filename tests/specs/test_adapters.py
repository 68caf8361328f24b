"""The adapters: every pass is computed from the last update, backward contains no forward, and nothing is shared."""

from __future__ import annotations

import numpy as np
import pytest

from convbench.verify import make_tensors
from convbench_specs import Case, Conv, Flatten, Unsupported
from convbench_specs.adapters import prepare_function, prepare_layer

DENSE = Case(name="conv", operation=Conv(in_channels=3, out_channels=4, kernel_size=(1,)), input_shape=(3, 5))
FLAT = Case(name="flat", operation=Flatten(), input_shape=(3, 4))


def tensors(case=DENSE, seed=0):
    return make_tensors(case, 2, seed=seed)


class Pointwise:
    """A convolution of one tap, as from-scratch code writes it; counts its forward passes."""

    def __init__(self):
        self.forwards = 0

    def forward(self, x):
        self.forwards += 1
        self.x = x
        return np.einsum("ncp,kco->nkp", x, self.w) + self.b[:, None]

    def backward(self, dy):
        self.dw = np.einsum("nkp,ncp->kc", dy, self.x)[:, :, None]
        self.db = dy.sum((0, 2))
        return np.einsum("nkp,kco->ncp", dy, self.w)


class Adding(Pointwise):
    """One that adds to its gradients, in memory that it reuses, under other names."""

    def __init__(self):
        super().__init__()
        self.grads = self.grad_w = self.grad_b = None

    @property
    def w(self):
        return self.weights

    @property
    def b(self):
        return self.offsets

    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_w += self.dw
        self.grad_b += self.db
        return dx

    def clear(self):
        if self.grad_w is None:
            self.grad_w, self.grad_b = np.zeros_like(self.weights), np.zeros_like(self.offsets)
        self.grad_w[...] = 0
        self.grad_b[...] = 0


def expected(given):
    layer = Pointwise()
    layer.w, layer.b = given.w, given.b
    return layer.forward(given.x), layer.backward(given.dy), layer.dw, layer.db


def by_layer(given):
    return prepare_layer(Pointwise(), given)


def by_adding_layer(given):
    layer = Adding()
    return prepare_layer(
        layer, given, weight="weights", bias="offsets", weight_gradient="grad_w", bias_gradient="grad_b",
        clear_gradients=layer.clear, reuses_buffers=True,
    )  # fmt: skip


def pointwise(x, w, b):
    return np.einsum("ncp,kco->nkp", x, w) + b[:, None]


def vjp(function, *inputs):
    layer = Pointwise()
    layer.x, layer.w, layer.b = inputs

    def pullback(dy):
        return layer.backward(dy), layer.dw, layer.db

    return function(*inputs), pullback


def by_function(given):
    return prepare_function(pointwise, given, vjp=vjp)


def by_function_once(given):
    return prepare_function(pointwise, given, vjp=vjp, pulls_back_once=True)


ADAPTED = [by_layer, by_adding_layer, by_function, by_function_once]


@pytest.mark.parametrize("prepare", ADAPTED)
def test_every_pass_is_right_and_results_stay(prepare):
    given = tensors()
    prepared = prepare(given)
    first = [prepared.forward(), *prepared.backward()]
    again = [prepared.forward(), *prepared.backward()]
    both = prepared.both()
    for found in (first, again, both):
        for got, right in zip(found, expected(given), strict=True):
            np.testing.assert_array_equal(got, right)
    for one, other in zip(first, again, strict=True):
        assert not np.shares_memory(one, other)
        assert not any(np.shares_memory(one, array) for array in (given.x, given.w, given.b, given.dy))


@pytest.mark.parametrize("prepare", ADAPTED)
@pytest.mark.parametrize("backward_first", [True, False])
def test_after_an_update_nothing_of_the_old_values_is_left(prepare, backward_first):
    prepared, new = prepare(tensors()), tensors(seed=1)
    prepared.forward()
    if backward_first:
        prepared.backward()
    prepared.update(new)
    found = [*prepared.backward()]
    found.insert(0, prepared.forward())
    for got, right in zip(found, expected(new), strict=True):
        np.testing.assert_array_equal(got, right)


def test_backward_of_a_layer_contains_no_forward():
    layer = Pointwise()
    prepared = prepare_layer(layer, tensors())
    prepared.backward()
    assert layer.forwards == 1
    prepared.backward()
    prepared.update(tensors(seed=1))  # not timed as a pass: the forward for the next backward belongs here
    assert layer.forwards == 2
    prepared.backward()
    assert layer.forwards == 2
    assert not prepared.recomputes_forward


def test_backward_of_a_layer_that_uses_up_its_forward_says_that_it_contains_one():
    layer = Pointwise()
    prepared = prepare_layer(layer, tensors(), uses_up_forward=True)
    prepared.backward()
    prepared.backward()
    assert layer.forwards == 2
    assert prepared.recomputes_forward


def test_a_kept_pullback_is_made_once_and_anew_by_an_update():
    made = []

    def counted(function, *inputs):
        made.append(inputs)
        return vjp(function, *inputs)

    prepared = prepare_function(pointwise, tensors(), vjp=counted)
    prepared.backward()
    prepared.backward()
    assert len(made) == 1
    prepared.update(tensors(seed=1))
    prepared.backward()
    assert len(made) == 2


@pytest.mark.parametrize("prepare", [by_layer, by_function])
def test_what_training_keeps_is_held_by_what_is_returned(prepare):
    given = tensors()
    y, kept = prepare(given).forward_for_training()
    np.testing.assert_array_equal(y, expected(given)[0])
    dx = kept.backward(given.dy) if isinstance(kept, Pointwise) else kept(given.dy)[0]
    np.testing.assert_array_equal(dx, expected(given)[1])


def test_a_function_without_gradients_has_a_forward_alone():
    prepared = prepare_function(pointwise, tensors())
    assert isinstance(prepared.call_of("backward"), Unsupported)
    assert isinstance(prepared.call_of("both"), Unsupported)
    assert prepared.forward_for_training is None
    np.testing.assert_array_equal(prepared.forward(), expected(tensors())[0])


def test_a_case_without_weights_has_one_input_and_one_gradient():
    given = tensors(FLAT)
    prepared = prepare_function(
        lambda x: x.reshape(2, 12), given, vjp=lambda f, x: (f(x), lambda dy: [dy.reshape(x.shape)])
    )
    dx, dw, db = prepared.backward()
    assert dx.shape == given.x.shape
    assert dw is db is None


def test_tensors_of_another_type_and_order_go_through_the_converters():
    given = tensors()
    seen = []

    def to_native(name, array):
        seen.append(name)
        return np.moveaxis(array, 1, -1).copy() if name in {"x", "dy"} else array.copy()

    def last(x, w, b):
        return np.einsum("npc,kco->npk", x, w) + b

    prepared = prepare_function(last, given, to_native=to_native, to_numpy=lambda name, y: np.moveaxis(y, -1, 1))
    assert seen == ["x", "w", "b", "dy"]
    np.testing.assert_allclose(prepared.to_numpy("y", prepared.forward()), expected(given)[0], rtol=1e-5)


def test_a_pullback_with_too_few_gradients_is_an_error_that_says_so():
    prepared = prepare_function(pointwise, tensors(), vjp=lambda f, *inputs: (f(*inputs), lambda dy: [dy]))
    with pytest.raises(ValueError, match="the pullback returned 1 gradients for 3 inputs"):
        prepared.backward()


def trained(prepared, new):
    """The results of a step of training on new values, behind one on other values."""
    prepared.kept_forward()
    prepared.backward()
    prepared.update(new)
    y = prepared.kept_forward()
    prepared.update_dy(tensors(seed=3).dy)
    prepared.update_dy(new.dy)
    return [y, *prepared.backward()]


@pytest.mark.parametrize("prepare", [by_layer, by_adding_layer, by_function])
def test_a_step_of_training_follows_from_its_values(prepare):
    new = tensors(seed=1)
    for got, right in zip(trained(prepare(tensors()), new), expected(new), strict=True):
        np.testing.assert_array_equal(got, right)


def test_a_step_of_training_has_one_forward_pass():
    layer, made = Pointwise(), []

    def counted(function, *inputs):
        made.append(inputs)
        return vjp(function, *inputs)

    trained(prepare_layer(layer, tensors()), tensors(seed=1))
    trained(prepare_function(pointwise, tensors(), vjp=counted), tensors(seed=1))
    assert layer.forwards == 2
    assert len(made) == 2


@pytest.mark.parametrize("prepare", [by_function_once, lambda given: prepare_function(pointwise, given)])
def test_without_a_pullback_that_stays_training_uses_the_other_calls(prepare):
    assert prepare(tensors()).kept_forward is None
