"""A network that can be trained: its layers in order, each computed by a backend or by the host, and its recipe.

- The convolutions, pools and flattens are the cases of a workload; a backend computes them, forward and backward.
- Everything else is the host's: the dense layers, the activations, the loss and the optimizer.
- relu follows each convolution and each dense layer but the last, whose outputs are what softmax reads. The gradient of
  relu is 0 where its input is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Literal

from convbench_specs.case import Case
from convbench_specs.errors import WorkloadError
from convbench_specs.operations import Conv, Flatten
from convbench_specs.recipe import Recipe
from convbench_specs.workload import Workload

Activation = Literal["relu", "none"]
DEEPEST = 1_000
"""Convolutions, pools and flattens of a network that is trained, each as often as it occurs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLayer:
    """A layer that the backend computes, and the activation that the host applies to its y."""

    case: Case
    activation: Activation = "none"

    @property
    def name(self) -> str:
        """The name of the case, of its own in the network."""
        return self.case.name

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return self.case.operation.parameter_count if isinstance(self.case.operation, Conv) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A fully connected layer of the host: y = x @ w.T + b, then the activation.

    x is (N, in_features), w is (units, in_features), b is (units,), y is (N, units).
    """

    name: str
    in_features: int
    units: int
    activation: Activation = "none"

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return (self.in_features + 1) * self.units


TrainableLayer = CaseLayer | Dense


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainableNetwork:
    """The layers of a network in order: all cases, then all dense layers. No name occurs twice."""

    name: str
    title: str
    cases: tuple[CaseLayer, ...]
    dense: tuple[Dense, ...]
    recipe: Recipe

    @property
    def layers(self) -> tuple[TrainableLayer, ...]:
        """All layers in order."""
        return (*self.cases, *self.dense)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: (C, *spatial)."""
        return self.cases[0].case.input_shape

    @property
    def class_count(self) -> int:
        """Number of outputs of the last layer."""
        return self.dense[-1].units

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases of all layers."""
        return sum(layer.parameter_count for layer in self.layers)


def trainable_network(workload: Workload) -> TrainableNetwork:
    """The network of a workload that has a recipe; WorkloadError says what it lacks.

    A layer that occurs n times is there n times in a row, as name, name#2, name#3 and so on, each with its own weights.
    """
    if workload.recipe is None:
        raise WorkloadError(f"{workload.name}: training: is missing; a network is trained by its [training] table")
    if not workload.network:
        raise WorkloadError(f"{workload.name}: network: must be true for a workload that is trained")
    if not workload.dense:
        raise WorkloadError(f"{workload.name}: dense: is missing; its last number is that of the classes")
    if (depth := sum(layer.count for layer in workload.layers)) > DEEPEST:
        raise WorkloadError(f"{workload.name}: count: gives {depth:,} layers; {DEEPEST:,} can be trained")
    cases = tuple(_occurrences(workload))
    for before, case in pairwise(cases):
        if before.output_shape != case.input_shape:
            found = f"{list(case.input_shape)}, but {before.name} before it gives {list(before.output_shape)}"
            raise WorkloadError(f"{workload.name}: case {case.name}: input: is {found}; a network is trained in order")
    if not isinstance(cases[-1].operation, Flatten):
        raise WorkloadError(
            f"{workload.name}: case {cases[-1].name}: operation: must be flatten, as dense layers follow"
        )
    network = TrainableNetwork(
        name=workload.name,
        title=workload.title or workload.name,
        cases=tuple(CaseLayer(case=case, activation=_activation(case)) for case in cases),
        dense=tuple(_dense(workload.dense, prod(cases[-1].output_shape))),
        recipe=workload.recipe,
    )
    names = [layer.name for layer in network.layers]
    for name in names:
        if names.count(name) > 1:
            raise WorkloadError(f"{workload.name}: case {name}: name: is that of another layer, too")
    return network


def _occurrences(workload: Workload) -> Iterator[Case]:
    for layer in workload.layers:
        yield layer.case
        for number in range(2, layer.count + 1):
            yield replace(layer.case, name=f"{layer.case.name}#{number}")


def _activation(case: Case) -> Activation:
    return "relu" if isinstance(case.operation, Conv) else "none"


def _dense(widths: tuple[int, ...], in_features: int) -> Iterator[Dense]:
    for number, units in enumerate(widths, start=1):
        activation: Activation = "none" if number == len(widths) else "relu"
        yield Dense(name=f"dense{number}", in_features=in_features, units=units, activation=activation)
        in_features = units
