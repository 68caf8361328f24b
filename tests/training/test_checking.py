"""Faults of state, each in a backend that is right where a layer is checked by itself: found at their first step."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from small_training import small_network, trainee_with

from convbench.training.checking import first_deviation
from convbench.workers.training.watch import Watch
from convbench_backends.numpy_im2col.backend import NumpyIm2col

PLUGIN = Path(__file__).parents[1] / "plugins" / "forgetful.py"
FAULTS = {
    "packed-once": (2, "conv1", "y"),
    "first-maxima": (2, "pool2", "dx"),
    "shared-buffers": (1, "conv1", "y"),
    "other-columns": (1, "conv1", "dw"),
    "small-dw": (1, "conv2", "dw"),
    "old-input": (3, "conv2", "dw"),
    "kept-once": (2, "conv1", "y"),
    "old-dy": (1, "flatten", "dx"),
}
"""Where each fault begins: step, layer, tensor."""


def forgetful():
    spec = importlib.util.spec_from_file_location("forgetful", PLUGIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {each.name: each for each in module.convbench_backends()}


def begin_of_deviation(backend, folder, dtype, steps=3):
    network = small_network(dtype=dtype)
    trainee = trainee_with(backend, network, dtype=dtype)
    for step in range(1, steps + 1):
        watch = Watch()
        trainee.step(watch)
        found = first_deviation(network, watch.write(folder, step), folder, seed=0)
        if found is not None:
            return found.step, found.layer, found.tensor
    return None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_at_its_step_layer_and_tensor(name, dtype, tmp_path):
    assert begin_of_deviation(forgetful()[name](), tmp_path, dtype) == FAULTS[name]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_backend_has_no_deviation(dtype, tmp_path):
    assert begin_of_deviation(NumpyIm2col(), tmp_path, dtype, steps=20) is None
