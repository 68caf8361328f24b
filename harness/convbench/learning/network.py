"""The layers of a network in turn, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convbench.learning.dense import DenseLayer
from convbench.learning.loss import cross_entropy
from convbench.learning.parameters import Parameters
from convbench.learning.relu import Relu
from convbench_specs.training import CaseLayer, Dense, TrainableNetwork

Array = NDArray[Any]


class Layer(Protocol):
    """A step of the computation, which keeps of its forward pass what its backward pass needs."""

    name: str

    def forward(self, x: Array) -> Array:
        """Y of a batch."""

    def backward(self, dy: Array) -> Array:
        """Dx; gradients of weights go to where the layer was told to put them."""


MakeLayer = Callable[[CaseLayer, Parameters, Parameters], Layer]
"""Makes the layer of a case from its description, the weights, and the place for their gradients."""


class Network:
    """The layers of a network, each with its activation behind it, and their weights and gradients."""

    def __init__(
        self, network: TrainableNetwork, weights: Parameters, gradients: Parameters, make_layer: MakeLayer
    ) -> None:
        """`make_layer` makes the layers that a backend computes."""
        self.layers: list[Layer] = []
        for layer in network.layers:
            if isinstance(layer, Dense):
                own, slots = weights.of(layer.name), gradients.of(layer.name)
                self.layers.append(DenseLayer(layer.name, w=own["w"], b=own["b"], dw=slots["w"], db=slots["b"]))
            else:
                self.layers.append(make_layer(layer, weights, gradients))
            if layer.activation == "relu":
                self.layers.append(Relu(f"{layer.name} relu"))

    def outputs(self, x: Array) -> Array:
        """What the last layer gives for a batch of images, (N, classes)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x: Array, labels: NDArray[np.int64]) -> float:
        """The loss of a batch, with the gradients of all weights in their places."""
        loss, gradient = cross_entropy(self.outputs(x), labels)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return loss
