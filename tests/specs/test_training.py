"""Trainable networks: which layers stand in which order, and why a workload is none."""

from __future__ import annotations

import pytest

from convbench_specs import CaseLayer, Dense, WorkloadError, load_workload, parse_workload, trainable_network

HEAD = "network = true\ndense = [5, 3]\n"
CONV = '{ name = "conv", operation = "conv", input = [1, 6, 6], out_channels = 2, kernel_size = 3 }'
SAME = (
    '{{ name = "conv", operation = "conv", input = [2, 4, 4], out_channels = 2, kernel_size = 3, padding = 1, '
    "count = {count} }}"
)
FLATTEN = '{ name = "flatten", operation = "flatten", input = [2, 4, 4] }'
RECIPE = "[training]\nlearning_rate = 0.1\nbatch_size = 2\nepochs = 1\n"


def network(*cases: str, head: str = HEAD, recipe: str = RECIPE):
    text = f"{head}cases = [{', '.join(cases)}]\n{recipe}"
    return trainable_network(parse_workload(text, name="mine", origin="mine.toml"))


@pytest.mark.parametrize(
    ("name", "parameters", "shape"),
    [
        ("book_mnist", 800 + 25_089 * 10, (1, 28, 28)),
        ("mnist_cnn", 93_322, (1, 28, 28)),
        ("lenet5", 50_692 + 121 * 84 + 85 * 10, (1, 32, 32)),
        ("digits_cnn", 160 + 4_640 + 129 * 10, (1, 8, 8)),
    ],
)
def test_networks_of_the_course_have_their_parameters(name, parameters, shape):
    found = trainable_network(load_workload(name))
    assert found.parameter_count == parameters
    assert (found.input_shape, found.class_count) == (shape, 10)


def test_layers_stand_in_order_and_relu_follows_all_weights_but_the_last():
    layers = network(CONV, FLATTEN).layers
    assert [(layer.name, layer.activation) for layer in layers] == [
        ("conv", "relu"),
        ("flatten", "none"),
        ("dense1", "relu"),
        ("dense2", "none"),
    ]
    assert isinstance(layers[0], CaseLayer)
    assert layers[2:] == (
        Dense(name="dense1", in_features=32, units=5, activation="relu"),
        Dense(name="dense2", in_features=5, units=3, activation="none"),
    )
    assert [layer.parameter_count for layer in layers] == [20, 0, 165, 18]


def test_a_layer_that_occurs_three_times_stands_there_three_times():
    found = network(SAME.format(count=3), FLATTEN)
    assert [layer.name for layer in found.cases] == ["conv", "conv#2", "conv#3", "flatten"]
    assert found.parameter_count == 3 * 38 + 165 + 18


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": ""}, "training: is missing"),
        ({"head": "dense = [3]\n"}, "network: must be true"),
        ({"head": "network = true\n"}, "dense: is missing"),
    ],
)
def test_a_workload_that_cannot_be_trained_says_what_it_lacks(changes, message):
    with pytest.raises(WorkloadError, match=f"^mine: {message}"):
        network(CONV, FLATTEN, **changes)


def test_layers_that_do_not_follow_one_another_are_no_network():
    other = FLATTEN.replace("[2, 4, 4]", "[2, 5, 5]")
    with pytest.raises(
        WorkloadError, match=r"case flatten: input: is \[2, 5, 5\], but conv before it gives \[2, 4, 4\]"
    ):
        network(CONV, other)


def test_dense_layers_need_a_flatten_before_them():
    with pytest.raises(WorkloadError, match="case conv: operation: must be flatten"):
        network(CONV)


def test_no_two_layers_have_one_name():
    with pytest.raises(WorkloadError, match="case dense1: name: is that of another layer"):
        network(CONV.replace('"conv",', '"dense1",', 1), FLATTEN)


def test_a_network_of_a_million_layers_is_refused():
    with pytest.raises(WorkloadError, match="count: gives 1,000,001 layers"):
        network(SAME.format(count=1_000_000), FLATTEN)
