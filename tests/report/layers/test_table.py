"""Layer tables: every number of the worked examples, and what totals sum up."""

from __future__ import annotations

import pytest

from convbench.errors import UsageError
from convbench.report.layers.table import layer_table
from convbench_specs import load_workload, parse_workload, shipped_workloads

FILTERS = """
[[cases]]
operation = "conv"
input = [3, 100, 150]
out_channels = 200
kernel_size = 5
padding = "same"
"""


def table_of(name: str, batch_size: int = 1):
    return layer_table(load_workload(name), batch_size=batch_size)


def parsed(text: str, batch_size: int = 1):
    return layer_table(parse_workload(text, name="mine", origin="mine.toml"), batch_size=batch_size)


def test_the_small_network_for_mnist_has_the_table_of_the_course():
    rows = table_of("mnist_cnn")
    assert [(row.operation, row.output_shape, row.parameters, row.receptive_field) for row in rows.rows] == [
        ("Conv 32, 3 x 3", (32, 26, 26), 320, (16, 16)),
        ("MaxPool 2 x 2", (32, 13, 13), 0, (8, 8)),
        ("Conv 64, 3 x 3", (64, 11, 11), 18_496, (6, 6)),
        ("MaxPool 2 x 2", (64, 5, 5), 0, (3, 3)),
        ("Conv 64, 3 x 3", (64, 3, 3), 36_928, (1, 1)),
        ("Flatten", (576,), 0, None),
    ]
    assert [(row.operation, row.output_shape, row.parameters) for row in rows.dense_rows] == [
        ("Dense 64", (64,), 36_928),
        ("Dense 10", (10,), 650),
    ]
    assert rows.chains[0].field == (18, 18)
    assert (rows.convolutional.parameters, rows.network.parameters) == (55_744, 93_322)


def test_200_filters_on_a_photograph_take_12_mb_and_1_2_gb_in_training():
    table = parsed(FILTERS, batch_size=100)
    (row,) = table.rows
    assert row.parameters == 15_200
    assert row.multiply_adds == table.network.multiply_adds == 225_000_000
    assert row.output_bytes == 12_000_000
    assert round(row.output_bytes / 2**20, 2) == 11.44
    assert table.network.training_bytes == 1_200_000_000


@pytest.mark.parametrize(
    ("name", "features", "convolutional", "network"),
    [
        ("lenet5", 120, 50_692, 50_692 + 121 * 84 + 85 * 10),
        ("fashion_mnist_cnn", 2304, 1_109_888, 1_109_888 + 2305 * 128 + 129 * 64 + 65 * 10),
        ("book_mnist", 25_088, 800, 800 + 25_089 * 10),
        ("alexnet", 9216, 2_469_696, 61_100_840),
        ("vgg16", 25_088, 14_714_688, 138_357_544),
        ("resnet18", 512, 11_166_912, 11_689_512 - 9_600),
        ("resnet50", 2048, 23_454_912, 25_557_032 - 53_120),
        ("mobilenet_v1", 1024, 3_185_088, 4_231_976 - 21_888),
    ],
)
def test_parameters_of_networks_with_their_dense_layers(name, features, convolutional, network):
    table = table_of(name)
    assert table.dense_rows[0].input_shape == (features,)
    assert (table.convolutional.parameters, table.network.parameters) == (convolutional, network)


@pytest.mark.parametrize(
    ("name", "gigaflops"), [("alexnet", 1.311), ("resnet50", 8.17), ("vgg16", 30.69), ("mobilenet_v1", 1.135)]
)
def test_convolutions_take_the_known_arithmetic_an_image(name, gigaflops):
    assert 2 * table_of(name).convolutional.multiply_adds / 1e9 == pytest.approx(gigaflops, rel=1e-3)


def test_totals_take_a_layer_as_often_as_it_occurs():
    once, thrice = parsed(FILTERS), parsed(FILTERS + "count = 3\n")
    assert thrice.network.parameters == 3 * once.network.parameters
    assert thrice.network.flops == 3 * once.network.flops
    assert thrice.network.training_bytes == 3 * once.network.training_bytes
    assert thrice.network.inference_bytes == once.network.inference_bytes


def test_inference_needs_the_largest_input_and_output_at_once():
    table = table_of("mnist_cnn", batch_size=32)
    assert table.network.inference_bytes == 32 * 4 * (32 * 26 * 26 + 32 * 13 * 13)


def test_memory_grows_with_the_batch_and_arithmetic_does_not():
    one, eight = table_of("lenet5", 1).network, table_of("lenet5", 8).network
    assert eight.inference_bytes == 8 * one.inference_bytes
    assert eight.training_bytes == 8 * one.training_bytes
    assert (eight.flops, eight.parameters) == (one.flops, one.parameters)


def test_a_flatten_in_the_order_of_memory_keeps_nothing():
    flatten = '[[cases]]\noperation = "flatten"\ninput = [3, 4, 5]\n'
    view, copy = parsed(flatten), parsed(flatten + 'order = "channels_last"\n')
    assert view.rows[0].is_view
    assert not copy.rows[0].is_view
    assert (view.network.training_bytes, copy.network.training_bytes) == (0, 240)


def test_half_precision_halves_the_memory():
    full, half = parsed(FILTERS).network, parsed("dtype = 'float16'\n" + FILTERS).network
    assert 2 * half.training_bytes == full.training_bytes


@pytest.mark.parametrize("name", shipped_workloads())
def test_every_shipped_workload_has_a_table(name):
    table, workload = table_of(name), load_workload(name)
    assert [row.name for row in table.rows] == [case.name for case in workload.cases]
    assert (table.name, table.title, table.source) == (name, workload.title, workload.source)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_size_below_one_is_refused(batch_size):
    with pytest.raises(UsageError, match=f"the batch size must be at least 1, not {batch_size}"):
        table_of("lenet5", batch_size)
