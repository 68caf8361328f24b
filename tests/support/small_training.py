"""A small network and random images, and a trainee without a process of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convbench.workers.training.trainee import Data, Trainee
from convbench_specs import Settings, parse_workload, trainable_network

SMALL = """
network = true
dense = [7, 3]
cases = [
    { name = "conv1", operation = "conv", input = [1, 8, 8], out_channels = 4, kernel_size = 3, padding = "same" },
    { name = "pool1", operation = "pool", kind = "max", input = [4, 8, 8], kernel_size = 2 },
    { name = "conv2", operation = "conv", input = [4, 4, 4], out_channels = 5, kernel_size = 3 },
    { name = "pool2", operation = "pool", kind = "max", input = [5, 2, 2], kernel_size = 2 },
    { name = "flatten", operation = "flatten", input = [5, 1, 1] },
]

[training]
optimizer = "sgd"
learning_rate = 0.05
momentum = 0.9
batch_size = 6
epochs = 2
initialization = "he_normal"
"""
"""A workload as text."""


def small_network(text=SMALL, dtype="float64"):
    workload = parse_workload(text, name="small", origin="small.toml")
    layers = [(layer.case.with_dtype(dtype), layer) for layer in workload.layers]
    return trainable_network(replace(workload, layers=tuple(replace(layer, case=case) for case, layer in layers)))


def random_data(images=40, shape=(1, 8, 8), classes=3, seed=0):
    """Images that can be learned: each class has a pattern of its own under noise."""
    random = np.random.default_rng(seed)
    patterns = random.random((classes, *shape)) < 0.4
    labels = random.integers(classes, size=images)
    pixels = (patterns[labels] * (0.6 + 0.4 * random.random((images, *shape)))).astype(np.float32)
    part = images * 4 // 5
    return Data(pixels[:part], labels[:part], pixels[part:], labels[part:])


def trainee_with(backend, network=None, data=None, dtype="float64", **options):
    network = network or small_network(dtype=dtype)
    backend.start(Settings(threads=1, options={each.name: each.default for each in backend.options}))
    return Trainee(network, dtype, data or random_data(), backend, **{"seed": 0, **options})
