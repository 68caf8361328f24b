"""A network is searched as a whole where all of it takes part, and else each of its cases."""

from __future__ import annotations

import pytest
from network_rows import NETWORK

from convbench.plan.items import Item, Plan
from convbench.plan.settings import RunSettings
from convbench.run.largest_batch.subjects import TRAINING, WHOLE, subjects_of
from convbench_specs import PASSES

BYTES = 4
WEIGHTS = 3 * (9 + 1) * BYTES
"""Of the convolution, which occurs three times."""
X, CONV_Y, POOL_Y = 8 * 8 * BYTES, 6 * 6 * BYTES, 3 * 3 * BYTES


def subjects(*, cases=None, **settings):
    chosen = [case for case in NETWORK.cases if cases is None or case.name in cases]
    asked = RunSettings(batch_sizes=(1, 8), **settings)
    typed = [case.with_dtype(dtype) for case in chosen for dtype in asked.dtypes or (case.dtype,)]
    items = [Item(NETWORK.name, case, size) for size in asked.batch_sizes for case in typed]
    return subjects_of(Plan((NETWORK,), tuple(items)), asked)


def names(found):
    return [(subject.case, subject.dtype, subject.pass_name) for subject in found]


def test_a_whole_network_is_searched_in_inference_and_in_training():
    assert names(subjects()) == [(WHOLE, "float32", "forward"), (WHOLE, "float32", TRAINING)]
    assert names(subjects(passes=("backward",))) == [(WHOLE, "float32", TRAINING)]
    assert names(subjects(passes=("forward",))) == [(WHOLE, "float32", "forward")]
    assert [dtype for _, dtype, _ in names(subjects(passes=("forward",), dtypes=("float64", "float32")))] == [
        "float64", "float32",
    ]  # fmt: skip


def test_chosen_cases_of_a_network_are_searched_each():
    found = subjects(cases=["conv1"])
    assert names(found) == [("conv1", "float32", name) for name in PASSES]


@pytest.mark.parametrize("batch_size", [1, 5])
def test_training_holds_every_y_and_inference_one_layer(batch_size):
    inference, training = subjects()
    assert inference.least_bytes(batch_size) == WEIGHTS + batch_size * (X + CONV_Y)
    assert training.least_bytes(batch_size) == WEIGHTS + batch_size * (X + 3 * CONV_Y + POOL_Y)


def test_a_worker_is_asked_for_all_layers_with_their_counts():
    request = subjects()[1].request(8)
    assert [(layer.case["name"], layer.count) for layer in request.layers] == [("conv1", 3), ("pool1", 1)]
    assert (request.batch_size, request.training) == (8, True)
