"""What a largest batch is searched of: a case in a pass, or a whole network in inference or in training.

A workload that is a network is searched as a whole where all of its layers are in the run; else each of its cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from convbench.plan.items import Plan
from convbench.plan.settings import RunSettings
from convbench.workers import protocol
from convbench_specs import (
    DTYPES,
    Case,
    DType,
    Layer,
    PassName,
    Workload,
    case_table,
    input_bytes,
    output_bytes,
)

WHOLE = ""
"""What stands for the case of a whole network."""
TRAINING: PassName = "both"
"""The pass that stands for the training of a whole network; its inference is `forward`."""


class Subject(Protocol):
    """What is searched; the properties are those of the event LargestBatchFound."""

    @property
    def workload(self) -> str:
        """Name of its workload."""

    @property
    def case(self) -> str:
        """Name of the case; WHOLE for a network."""

    @property
    def dtype(self) -> DType:
        """Type of the elements."""

    @property
    def pass_name(self) -> PassName:
        """What is run; TRAINING for that of a network."""

    @property
    def label(self) -> str:
        """How progress names it."""

    def cases(self) -> Sequence[Case]:
        """The cases that must have been computed before."""

    def passes(self) -> Sequence[PassName]:
        """The passes, of which each case must have been computed in one."""

    def least_bytes(self, batch_size: int) -> int:
        """Bytes that it holds at least."""

    def request(self, batch_size: int) -> protocol.Request[protocol.Attempted]:
        """What a worker is asked for a try."""


@dataclass(frozen=True, slots=True)
class OneCase:
    """A case in a pass."""

    workload: str
    layer: Case
    pass_name: PassName

    @property
    def case(self) -> str:
        """Its name."""
        return self.layer.name

    @property
    def dtype(self) -> DType:
        """That of the case."""
        return self.layer.dtype

    @property
    def label(self) -> str:
        """Workload, case and pass."""
        return f"{self.workload}/{self.case} {self.pass_name}"

    def cases(self) -> Sequence[Case]:
        """The case alone."""
        return (self.layer,)

    def passes(self) -> Sequence[PassName]:
        """The pass alone."""
        return (self.pass_name,)

    def least_bytes(self, batch_size: int) -> int:
        """Inputs and outputs of the pass."""
        return input_bytes(self.layer, batch_size, self.pass_name) + output_bytes(
            self.layer, batch_size, self.pass_name
        )

    def request(self, batch_size: int) -> protocol.Request[protocol.Attempted]:
        """Run the pass once."""
        return protocol.Attempt(case=case_table(self.layer), batch_size=batch_size, pass_name=self.pass_name)


@dataclass(frozen=True, slots=True)
class WholeNetwork:
    """All layers of a network; `pass_name` is forward for its inference, TRAINING for its training."""

    workload: str
    layers: tuple[Layer, ...]
    pass_name: PassName

    @property
    def case(self) -> str:
        """None."""
        return WHOLE

    @property
    def dtype(self) -> DType:
        """That of all layers."""
        return self.layers[0].case.dtype

    @property
    def is_training(self) -> bool:
        """Whether layers keep what their backward needs."""
        return self.pass_name == TRAINING

    @property
    def label(self) -> str:
        """The network, and what is done with it."""
        return f"{self.workload}, whole network, {'training' if self.is_training else 'inference'}"

    def cases(self) -> Sequence[Case]:
        """Every layer."""
        return [layer.case for layer in self.layers]

    def passes(self) -> Sequence[PassName]:
        """Forward; for training a pass that has the gradients."""
        return ("backward", "both") if self.is_training else ("forward",)

    def least_bytes(self, batch_size: int) -> int:
        """All weights, and in training x of the first layer and every y, in inference the largest x and y together."""
        weights = sum(layer.count * _weight_bytes(layer.case) for layer in self.layers)
        ys = [output_bytes(layer.case, batch_size, "forward") for layer in self.layers]
        xs = [_x_bytes(layer.case, batch_size) for layer in self.layers]
        if not self.is_training:
            return weights + max(x + y for x, y in zip(xs, ys, strict=True))
        return weights + xs[0] + sum(layer.count * y for layer, y in zip(self.layers, ys, strict=True))

    def request(self, batch_size: int) -> protocol.Request[protocol.Attempted]:
        """Run every layer once."""
        layers = [protocol.NetworkLayer(case=case_table(layer.case), count=layer.count) for layer in self.layers]
        return protocol.AttemptNetwork(layers=layers, batch_size=batch_size, training=self.is_training)


def subjects_of(plan: Plan, settings: RunSettings) -> list[Subject]:
    """All that is searched of each backend."""
    return [subject for workload in plan.workloads for subject in _of_workload(workload, plan, settings)]


def _of_workload(workload: Workload, plan: Plan, settings: RunSettings) -> Iterator[Subject]:
    cases = list(dict.fromkeys(item.case for item in plan.items if item.workload == workload.name))
    chosen = {case.name for case in cases}
    if not workload.network or chosen < {layer.case.name for layer in workload.layers}:
        for case in cases:
            for pass_name in settings.passes:
                yield OneCase(workload.name, case, pass_name)
        return
    done: list[PassName] = ["forward"] if "forward" in settings.passes else []
    done += [TRAINING] if {"backward", "both"} & set(settings.passes) else []
    for dtype in dict.fromkeys(case.dtype for case in cases) if settings.dtypes else (None,):
        layers = tuple(
            Layer(case=layer.case if dtype is None else layer.case.with_dtype(dtype), count=layer.count)
            for layer in workload.layers
        )
        for pass_name in done:
            yield WholeNetwork(workload.name, layers, pass_name)


def _x_bytes(case: Case, batch_size: int) -> int:
    return prod(case.x_shape(batch_size)) * DTYPES[case.dtype]


def _weight_bytes(case: Case) -> int:
    return input_bytes(case, 1, "forward") - _x_bytes(case, 1)
