"""What every extractor shares: adaptive windows, what no case can be, and fully connected layers at the end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.extraction.recorder import Recorder, adaptive_window
from convbench_specs import Axis, Conv, Pool


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_adaptive_pool_is_a_window_exactly_where_its_windows_are_alike(size, outputs):
    places = np.arange(size)
    windows = [places[o * size // outputs : -(-(o + 1) * size // outputs)].tolist() for o in range(outputs)]
    found = adaptive_window(size, outputs)
    if found is None:
        lengths = {len(window) for window in windows}
        steps = {after[0] - before[0] for before, after in pairwise(windows)}
        assert len(lengths) > 1 or len(steps) > 1 or steps == {0}
        return
    axis = Axis(size=size, kernel=found[0], stride=found[1])
    slid = [places[o * found[1] : o * found[1] + found[0]].tolist() for o in range(axis.output)]
    assert slid == windows


def conv(filters=4, kernel=3):
    return Conv(in_channels=3, out_channels=filters, kernel_size=(kernel, kernel))


def test_a_layer_on_several_pieces_of_an_instance_counts_once_each():
    recorder = Recorder(batch_size=2)
    recorder.layer("frames", conv(), (10, 3, 9, 9), "float32")
    (layer,) = recorder.extraction("").layers
    assert (layer.count, layer.case.input_shape) == (5, (3, 9, 9))


def test_what_no_case_can_be_is_left_out_with_its_reason():
    recorder = Recorder(batch_size=2)
    recorder.layer("odd", conv(), (3, 3, 9, 9), "float32", flops=8)
    recorder.layer("bytes", conv(), (2, 3, 9, 9), "int8", flops=8)
    recorder.layer("large", conv(kernel=11), (2, 3, 9, 9), "float32")
    reasons = [each.reason for each in recorder.extraction("").left_out]
    assert reasons[0] == "it runs on a batch of 3 where the model gets 2"
    assert reasons[1].startswith("dtype int8 is none of")
    assert reasons[2].startswith("kernel_size is larger than the padded input")
    assert [each.flops for each in recorder.extraction("").left_out] == [4, 4, 0]


def test_padding_with_nothing_is_none():
    recorder = Recorder(batch_size=1)
    recorder.layer("p", Pool(kind="max", kernel_size=(2, 2), padding=((0, 0), (0, 0))), (1, 3, 9, 9), "float32")
    assert recorder.extraction("").layers[0].case.operation.padding == "valid"


def test_fully_connected_layers_behind_the_last_case_are_dense():
    recorder = Recorder(batch_size=1)
    recorder.product(3, 5, 30, is_layer=True)
    recorder.layer("c", Conv(in_channels=3, out_channels=4, kernel_size=(9, 9)), (1, 3, 9, 9), "float32")
    recorder.product(4, 7, 56, is_layer=True)
    recorder.product(7, 2, 28, is_layer=True)
    found = recorder.extraction("")
    assert (found.dense, found.dense_flops) == ((7, 2), 84)
    assert [(each.what, each.flops, each.in_scope) for each in found.left_out] == [("1 product of matrices", 30, False)]


def test_products_that_are_no_chain_behind_the_last_case_are_left_out():
    recorder = Recorder(batch_size=1)
    recorder.layer("c", Conv(in_channels=3, out_channels=4, kernel_size=(9, 9)), (1, 3, 9, 9), "float32")
    recorder.product(5, 7, 70, is_layer=True)
    found = recorder.extraction("")
    assert found.dense == ()
    assert found.left_out[0].flops == 70
