"""Receptive fields against following single places backward, and what counts as a chain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.report.layers.receptive_field import chains
from convbench_specs import Case, Conv, Flatten, Layer, Pool, Workload, load_workload


def layer(shape, operation=None, *, count=1) -> Layer:
    return Layer(case=Case(name="layer", operation=operation or Flatten(), input_shape=shape), count=count)


def conv(shape, kernel_size=(3, 3), *, count=1, **parameters) -> Layer:
    operation = Conv(in_channels=shape[0], out_channels=shape[0], kernel_size=kernel_size, **parameters)
    return layer(shape, operation, count=count)


def pool(shape, kernel_size, **parameters) -> Layer:
    return layer(shape, Pool(kind="max", kernel_size=kernel_size, **parameters))


def only_chain(layers):
    (chain,) = chains(layers)
    return chain


def field_of(name: str) -> tuple[int, ...]:
    return only_chain(load_workload(name).layers).field


@st.composite
def chains_of_windows(draw):
    """Layers over one axis without padding, each reading what the one before it makes."""
    size, layers = draw(st.integers(30, 80)), []
    for _ in range(draw(st.integers(2, 4))):
        kernel, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
        if (kernel - 1) * dilation + 1 > size:
            kernel = 1
        layers.append(conv((1, size), kernel, stride=stride, dilation=dilation))
        size = layers[-1].case.output_shape[1]
    return layers


@given(chains_of_windows())
def test_field_spans_the_places_that_the_first_neuron_depends_on(layers):
    places, spans = {0}, []
    for item in reversed(layers):
        (axis,) = item.case.axes
        spans.append(max(places) + 1)
        places = {o * axis.stride + t * axis.dilation for o in places for t in range(axis.kernel)}
    chain = only_chain(layers)
    assert chain.field == (max(places) + 1,)
    assert [field[0] for field in chain.fields] == spans[::-1]


def test_the_small_network_for_mnist_sees_18_by_18():
    chain = only_chain(load_workload("mnist_cnn").layers)
    assert chain.field == (18, 18)
    assert [field[0] for field in chain.fields] == [16, 8, 6, 3, 1]
    assert (chain.seen, chain.places) == (324, 784)
    assert round(100 * chain.coverage, 1) == 41.3


def test_the_same_convolutions_without_pooling_see_7_by_7():
    chain = only_chain([conv((1, 28, 28)), conv((1, 26, 26)), conv((1, 24, 24))])
    assert (chain.field, chain.seen) == ((7, 7), 49)
    assert 100 * chain.coverage == 6.25


def test_the_small_network_tells_what_it_would_see_without_its_pools():
    chain = only_chain(load_workload("mnist_cnn").layers)
    assert (chain.field_without_pools, chain.seen_without_pools) == ((7, 7), 49)
    assert 100 * chain.seen_without_pools / chain.places == 6.25


@pytest.mark.parametrize(
    ("name", "field"), [("vgg16", 212), ("alexnet", 195), ("mobilenet_v1", 315), ("lenet5", 32), ("book_mnist", 5)]
)
def test_fields_of_well_known_networks(name, field):
    assert field_of(name) == (field, field)


def test_a_frame_of_wav2vec_sees_400_samples():
    encoder = [item for item in load_workload("conv1d").layers if item.case.name.startswith("wav2vec_conv")]
    assert only_chain(encoder).field == (400,)


def test_a_field_larger_than_the_input_covers_it_once():
    chain = only_chain([conv((1, 5, 9), padding=1), conv((1, 5, 9), padding=1), conv((1, 5, 9), padding=1)])
    assert chain.field == (7, 7)
    assert (chain.seen, chain.places) == (35, 45)


def test_a_layer_that_occurs_n_times_stands_n_times_in_a_row():
    assert only_chain([conv((1, 9, 9), padding=1, count=3), conv((1, 9, 9))]).field == (9, 9)


def test_pooling_over_channels_leaves_the_field_as_it_is():
    assert only_chain([pool((4, 9, 9), 2, over="channels"), conv((2, 9, 9))]).field == (3, 3)


def test_the_last_feature_map_is_what_a_closing_global_pool_receives():
    chain = only_chain([conv((2, 9, 9)), pool((2, 7, 7), "global"), layer((2, 1, 1))])
    assert (chain.field, chain.last, chain.stop) == ((3, 3), 0, 3)


def test_one_case_is_no_chain():
    assert chains([conv((1, 9, 9))]) == ()


def test_what_has_no_window_is_no_chain():
    assert chains([pool((2, 7, 7), "global"), layer((2, 1, 1))]) == ()


def test_a_chain_breaks_where_shapes_do_not_match():
    assert chains([conv((1, 9, 9)), conv((1, 9, 9))]) == ()


def test_a_chain_breaks_where_a_repeated_layer_cannot_follow_itself():
    assert chains([conv((1, 9, 9), count=2), conv((1, 7, 7))]) == ()


def test_a_part_counts_only_where_it_leads_to_a_flatten():
    network, stranger = [conv((1, 9, 9)), pool((1, 7, 7), (2, 2)), layer((1, 3, 3))], conv((1, 8, 8))
    assert [(chain.start, chain.stop) for chain in chains([stranger, *network, stranger])] == [(1, 4)]
    assert chains([*network[:2], stranger]) == ()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "deepbench", "edge_cases", "photos", "quick"])
def test_lists_of_layers_have_no_field(name):
    assert chains(load_workload(name).layers) == ()


def test_chains_are_found_in_a_workload_of_any_length():
    assert chains(Workload(name="one", layers=(conv((1, 9, 9)),)).layers) == ()
