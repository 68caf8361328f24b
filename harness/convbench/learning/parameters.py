"""All weights and biases of a network in one vector, each of them a view of a part of it.

One vector is what an optimizer moves, what is written to a file, and what two backends are compared by. Each part
begins at a cache line, as the contract promises of everything that a backend is given; the gaps between them stay 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.learning.initialization import first_weights
from convbench.machine.aligned_memory import aligned_zeros
from convbench_specs import ALIGNMENT_BYTES, Conv
from convbench_specs.training import Dense, TrainableLayer, TrainableNetwork

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Where a weight or bias lies in the vector. `tensor` is w or b."""

    layer: str
    tensor: str
    shape: tuple[int, ...]
    start: int

    @property
    def place(self) -> slice:
        """Its elements."""
        return slice(self.start, self.start + prod(self.shape))


def parts_of(network: TrainableNetwork, dtype: np.dtype[Any]) -> tuple[Part, ...]:
    """The parts of the vector of a network, in the order of its layers; the same in the host and in every worker."""
    step, start, parts = ALIGNMENT_BYTES // dtype.itemsize, 0, []
    for layer in network.layers:
        for tensor, shape in _shapes(layer):
            parts.append(Part(layer.name, tensor, shape, start))
            start += -(-prod(shape) // step) * step
    return tuple(parts)


class Parameters:
    """A vector and the views of its parts, by layer and tensor; all 0 at first."""

    def __init__(self, parts: tuple[Part, ...], dtype: np.dtype[Any]) -> None:
        size = max((part.place.stop for part in parts), default=0)
        self.vector = aligned_zeros((size,), dtype)
        self.parts = parts
        self._views = {(part.layer, part.tensor): self.vector[part.place].reshape(part.shape) for part in parts}

    def of(self, layer: str) -> Mapping[str, Array]:
        """Those of one layer by tensor."""
        return {tensor: view for (name, tensor), view in self._views.items() if name == layer}

    def __iter__(self) -> Iterator[tuple[Part, Array]]:
        return zip(self.parts, self._views.values(), strict=True)


def initialize(parameters: Parameters, network: TrainableNetwork, *, seed: int) -> None:
    """Put the first weights in; biases are 0."""
    for number, layer in enumerate(network.layers):
        views = parameters.of(layer.name)
        if "w" in views:
            w = views["w"]
            rule = network.recipe.initialization
            w[...] = first_weights(rule, w.shape, seed=seed, layer=number, fan_out=_fan_out(layer))


def _shapes(layer: TrainableLayer) -> Iterator[tuple[str, tuple[int, ...]]]:
    if isinstance(layer, Dense):
        yield "w", (layer.units, layer.in_features)
        yield "b", (layer.units,)
        return
    if layer.case.w_shape is not None:
        yield "w", layer.case.w_shape
    if layer.case.b_shape is not None:
        yield "b", layer.case.b_shape


def _fan_out(layer: TrainableLayer) -> int:
    if isinstance(layer, Dense):
        return layer.units
    operation = layer.case.operation
    assert isinstance(operation, Conv)
    return prod(operation.kernel_size) * operation.out_channels // operation.groups
