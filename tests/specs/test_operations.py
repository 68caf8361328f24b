"""Conv, Pool and Flatten: defaults, parameter counts, and every parameter that cannot be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from convbench_specs import Conv, Flatten, Pool, SpecError
from convbench_specs.axis import LARGEST


def conv(**changes) -> Conv:
    return Conv(**{"in_channels": 4, "out_channels": 6, "kernel_size": (3, 3), **changes})


def pool(**changes) -> Pool:
    return Pool(**{"kind": "max", "kernel_size": (2, 2), **changes})


def test_numbers_given_once_hold_for_every_axis():
    operation = conv(stride=2, dilation=(3,), padding=1)
    assert (operation.stride, operation.dilation, operation.padding) == ((2, 2), (3, 3), ((1, 1), (1, 1)))


def test_a_kernel_size_of_one_number_means_one_axis():
    assert conv(kernel_size=5).rank == 1
    assert conv().rank == 2


@pytest.mark.parametrize(
    ("operation", "weights", "parameters"),
    [
        (conv(in_channels=3, out_channels=200, kernel_size=(5, 5)), (200, 3, 5, 5), 15_200),
        (conv(in_channels=1, out_channels=32), (32, 1, 3, 3), 320),
        (conv(in_channels=32, out_channels=64), (64, 32, 3, 3), 18_496),
        (conv(in_channels=64, out_channels=64), (64, 64, 3, 3), 36_928),
        (conv(in_channels=3, out_channels=1, kernel_size=(5, 5), bias=False), (1, 3, 5, 5), 75),
        (conv(in_channels=20, out_channels=1, bias=False), (1, 20, 3, 3), 180),
        (conv(in_channels=1, out_channels=32, kernel_size=(5, 5), bias=False), (32, 1, 5, 5), 800),
        (conv(groups=2), (6, 2, 3, 3), 114),
        (conv(out_channels=12, groups=4), (12, 1, 3, 3), 120),
        (conv(kernel_size=7), (6, 4, 7), 174),
    ],
)
def test_parameters_are_weights_and_biases(operation, weights, parameters):
    assert operation.w_shape == weights
    assert operation.parameter_count == parameters


def test_depthwise_is_one_group_a_channel_and_more_than_one_channel():
    assert conv(out_channels=8, groups=4).is_depthwise
    assert not conv(groups=2).is_depthwise
    assert not conv(in_channels=1).is_depthwise


def test_the_stride_of_a_pool_is_its_window_unless_it_is_given():
    assert pool(kernel_size=(2, 3)).stride == (2, 3)
    assert pool(stride=1).stride == (1, 1)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"in_channels": 0}, "in_channels"),
        ({"out_channels": -1}, "out_channels"),
        ({"out_channels": 6.0}, "out_channels"),
        ({"groups": 0}, "groups"),
        ({"groups": 3}, "groups"),
        ({"in_channels": 3, "groups": 3, "out_channels": 4}, "groups"),
        ({"stride": -2}, "stride"),
        ({"stride": 0}, "stride"),
        ({"stride": (1, 1, 1)}, "stride"),
        ({"stride": "2"}, "stride"),
        ({"stride": True}, "stride"),
        ({"dilation": 0}, "dilation"),
        ({"dilation": 1.5}, "dilation"),
        ({"kernel_size": (0, 3)}, "kernel_size"),
        ({"kernel_size": ()}, "kernel_size"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size"),
        ({"padding": -1}, "padding"),
        ({"padding_mode": "reflect"}, "padding_mode"),
        ({"bias": 1}, "bias"),
    ],
)
def test_a_conv_that_cannot_be_names_the_parameter(changes, key):
    with pytest.raises(SpecError) as caught:
        conv(**changes)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"kind": "sum"}, "kind"),
        ({"over": "time"}, "over"),
        ({"kernel_size": "all"}, "kernel_size"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"stride": 0}, "stride"),
        ({"ceil_mode": 1}, "ceil_mode"),
        ({"count_include_pad": "no"}, "count_include_pad"),
        ({"kernel_size": "global", "stride": 2}, "stride"),
        ({"kernel_size": "global", "padding": "same"}, "padding"),
        ({"kernel_size": "global", "ceil_mode": True}, "ceil_mode"),
        ({"kernel_size": "global", "over": "channels"}, "kernel_size"),
        ({"kernel_size": 2, "over": "channels", "stride": 1}, "stride"),
        ({"kernel_size": 2, "over": "channels", "dilation": (2,)}, "dilation"),
        ({"kernel_size": (2, 2), "over": "channels"}, "kernel_size"),
    ],
)
def test_a_pool_that_cannot_be_names_the_parameter(changes, key):
    with pytest.raises(SpecError) as caught:
        pool(**changes)
    assert caught.value.key == key


def test_an_error_says_what_would_be_right():
    with pytest.raises(SpecError, match=r"^groups must divide in_channels: 3 does not divide 4$"):
        conv(groups=3)
    with pytest.raises(SpecError, match=r"^stride must be at least 1, not -2$"):
        conv(stride=-2)


def test_flatten_knows_two_orders():
    assert Flatten().order == "channels_first"
    with pytest.raises(SpecError, match="'channels_first' or 'channels_last'"):
        Flatten(order="columns_first")


def test_operations_are_values():
    assert conv(stride=1) == conv(stride=(1, 1))
    assert len({conv(), conv(padding=0), conv(padding="valid")}) == 2
    with pytest.raises(FrozenInstanceError):
        conv().groups = 2


@pytest.mark.parametrize("number", [10**20, LARGEST + 1])
@pytest.mark.parametrize("key", ["kernel_size", "stride", "dilation", "padding", "in_channels", "out_channels"])
def test_a_number_that_nothing_could_compute_is_refused_where_it_is_parsed(key, number):
    usual = {"in_channels": 4, "out_channels": 4, "kernel_size": 3}
    with pytest.raises(SpecError, match="must be at most 268,435,456"):
        Conv(**usual | {key: number})
