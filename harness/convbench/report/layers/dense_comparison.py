"""A convolution beside the dense layers that could stand in its place: what sharing weights saves.

A dense layer reads every input, so that each of its neurons has a weight for each. A convolution has as many neurons as
its output has places, and all neurons of a feature map have the same few weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convbench_specs import Case, Conv, Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseComparison:
    """Numbers of one instance. `filters` is the number of feature maps, and `neurons` that of all their places."""

    name: str
    parameters: int
    inputs: int
    filters: int
    neurons: int

    @property
    def weights_of_a_neuron_a_filter(self) -> int:
        """Weights of a dense layer that has only one neuron for each filter."""
        return self.inputs * self.filters

    @property
    def parameters_of_as_many_neurons(self) -> int:
        """Weights and biases of a dense layer with the same outputs."""
        return (self.inputs + 1) * self.neurons


def dense_comparison(layers: Sequence[Layer]) -> DenseComparison | None:
    """The first convolution of a workload beside dense layers; None where there is no convolution."""
    first = next((layer.case for layer in layers if isinstance(layer.case.operation, Conv)), None)
    return None if first is None else _comparison(first)


def _comparison(case: Case) -> DenseComparison:
    assert isinstance(case.operation, Conv)
    return DenseComparison(
        name=case.name,
        parameters=case.operation.parameter_count,
        inputs=prod(case.input_shape),
        filters=case.operation.out_channels,
        neurons=prod(case.output_shape),
    )
