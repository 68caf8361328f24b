"""A network that is trained without a process of its own: what its weights become, and that they can be kept."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import psutil
import pytest
from small_training import SMALL, random_data, small_network, trainee_with

from convbench.learning.batches import batch_of
from convbench.training.data_sets import data_set_for
from convbench.workers.training.layer import UnsupportedLayerError
from convbench.workers.training.trainee import Data
from convbench_backends.numpy_im2col.backend import NumpyIm2col
from convbench_specs import Flatten, Unsupported, load_workload, trainable_network

LOSS_DISTANCE = 1e-9


class WithoutUpdate(NumpyIm2col):
    """A backend that is prepared again for each new value."""

    def prepare(self, case, tensors):
        return replace(super().prepare(case, tensors), update=None)


class WithoutFlatten(NumpyIm2col):
    """A backend that does not do all layers."""

    def prepare(self, case, tensors):
        return Unsupported("no flatten") if isinstance(case.operation, Flatten) else super().prepare(case, tensors)


def weights_after(trainee, steps):
    losses = [trainee.step().loss for _ in range(steps)]
    return np.array(trainee._weights.vector), losses


def test_training_lowers_the_loss_and_classifies_what_it_has_not_seen():
    trainee = trainee_with(NumpyIm2col(), data=random_data(200))
    _, losses = weights_after(trainee, 150)
    classes, test_loss = trainee.classify()
    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:10])
    assert np.mean(classes == trainee._data.test_labels) > 0.9
    assert test_loss < losses[0]


def test_a_backend_without_update_learns_the_same_bits():
    one, losses = weights_after(trainee_with(NumpyIm2col()), 8)
    other, same = weights_after(trainee_with(WithoutUpdate()), 8)
    np.testing.assert_array_equal(one, other)
    assert losses == same


def test_classes_do_not_depend_on_how_the_held_out_images_are_cut_into_batches():
    data = random_data(70)
    one = trainee_with(NumpyIm2col(), data=data)
    other = trainee_with(NumpyIm2col(), small_network(SMALL.replace("batch_size = 6", "batch_size = 5")), data)
    other._weights.vector[...] = one._weights.vector
    np.testing.assert_array_equal(one.classify()[0], other.classify()[0])
    assert one.classify()[1] == pytest.approx(other.classify()[1])


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_a_training_goes_on_from_what_was_kept_with_the_same_bits(optimizer, tmp_path):
    text = SMALL if optimizer == "sgd" else SMALL.replace('"sgd"', '"rmsprop"').replace("momentum = 0.9\n", "")
    network = small_network(text)
    whole, _ = weights_after(trainee_with(NumpyIm2col(), network), 12)
    first = trainee_with(NumpyIm2col(), network)
    weights_after(first, 7)
    first.keep(tmp_path / "state")
    second = trainee_with(NumpyIm2col(), network, seed=0)
    second.restore(tmp_path / "state", 7)
    rest, _ = weights_after(second, 5)
    np.testing.assert_array_equal(whole, rest)


def test_a_state_of_another_network_is_refused(tmp_path):
    trainee_with(NumpyIm2col()).keep(tmp_path)
    other = trainee_with(NumpyIm2col(), small_network(SMALL.replace("dense = [7, 3]", "dense = [70, 3]")))
    with pytest.raises(ValueError, match="of another network"):
        other.restore(tmp_path, 1)


def test_a_layer_that_is_not_done_is_named():
    with pytest.raises(UnsupportedLayerError, match="flatten: no flatten"):
        trainee_with(WithoutFlatten())


def test_moved_first_weights_stay_near_in_float64():
    one, _ = weights_after(trainee_with(NumpyIm2col()), 20)
    other, _ = weights_after(trainee_with(NumpyIm2col(), moves=1), 20)
    assert 0 < np.linalg.norm(one - other) < 1e-13 * np.linalg.norm(one)


def test_filters_and_feature_maps_are_those_of_the_first_convolution():
    trainee = trainee_with(NumpyIm2col())
    filters, maps = trainee.draw(0)
    assert filters.shape == (4, 1, 3, 3)
    assert maps.shape == (4, 8, 8)


@pytest.mark.slow
def test_memory_stays_flat_over_ten_thousand_steps():
    trainee, resident = trainee_with(NumpyIm2col()), psutil.Process().memory_info
    for _ in range(1000):
        trainee.step()
    gc.collect()
    blocks, size = sys.getallocatedblocks(), resident().rss
    steps = 10_000
    for _ in range(steps):
        trainee.step()
    gc.collect()
    # what a step keeps would be a block in each; threads of libraries that other tests have loaded keep some hundred
    assert sys.getallocatedblocks() - blocks < steps / 10
    assert resident().rss - size < 2**20


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_a_reference_model_in_plain_pytorch_has_the_same_losses(optimizer):
    torch = pytest.importorskip("torch")
    steps = 1000 if optimizer == "sgd" else 20
    shipped = trainable_network(load_workload("digits_cnn"))
    found = data_set_for(shipped, None)
    data = Data(found.train_images, found.train_labels, found.test_images, found.test_labels)
    text = (resources.files("convbench_specs") / "workloads" / "digits_cnn.toml").read_text()
    if optimizer == "rmsprop":
        text = text.replace('"sgd"', '"rmsprop"').replace("momentum = 0.9\n", "").replace("0.05", "0.001")
    network = small_network(text)
    trainee = trainee_with(NumpyIm2col(), network, data)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(128, 10),
    ).double()  # fmt: skip
    for module, name in ((model[0], "conv1"), (model[3], "conv2"), (model[7], "dense1")):
        own = trainee._weights.of(name)
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(np.array(own["w"])))
            module.bias.copy_(torch.from_numpy(np.array(own["b"])))
    recipe = network.recipe
    if optimizer == "sgd":
        chosen = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum)
    else:
        chosen = torch.optim.RMSprop(model.parameters(), lr=recipe.learning_rate, alpha=recipe.rho, eps=recipe.epsilon)
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(1, steps + 1):
            batch = batch_of(step, len(data.train_labels), recipe.batch_size, seed=0)
            x = torch.from_numpy(data.train_images[batch].astype(np.float64))
            loss = torch.nn.functional.cross_entropy(model(x), torch.from_numpy(data.train_labels[batch]))
            chosen.zero_grad()
            loss.backward()
            chosen.step()
            assert trainee.step().loss == pytest.approx(loss.item(), rel=LOSS_DISTANCE), step
    finally:
        torch.set_num_threads(count)
