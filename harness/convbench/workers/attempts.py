"""One try of a search for the largest batch: a case or a whole network at a batch size, and the peak of the process.

Tensors are zeros, of which nothing is resident before the backend copies them.

Of a whole network each layer does its own work beside a ballast: as much resident memory as the others hold at that
moment. The layers are taken as a row, each as often as its count, in which the y of one is the x of the next:

- In inference all weights are there, and the x and y of the layer at work.
- In training each layer that has run forward also holds what its backward needs, y among it; this is measured, as
  `kept_memory_bytes` is. Then the backward goes from the last layer to the first: what a layer kept goes with its own
  backward, and the gradients of its weights stay. The state of an optimizer is not there.

A backend that was seen to copy x holds the y of the layer before a second time, which is taken off the ballast again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from convbench.measure import memory
from convbench.measure.ballast import Ballast
from convbench.workers import protocol
from convbench.workers.arrays import zero_tensors
from convbench.workers.contract import prepared_or_unsupported
from convbench_specs import (
    DTYPES,
    Backend,
    Case,
    Native,
    PassName,
    Prepared,
    Unsupported,
    input_bytes,
    output_bytes,
    parse_layer,
)

MOSTLY = 0.5
"""Share of x by which the resident memory must have grown where a backend is taken to have copied it."""


def peak_of(backend: Backend, request: protocol.Attempt | protocol.AttemptNetwork) -> int | Unsupported:
    """Most bytes that the process held in the try; what the backend does not do is a value."""
    if isinstance(request, protocol.Attempt):
        case = parse_layer(request.case, origin="request").case
        return peak_of_case(backend, case, request.batch_size, request.pass_name)
    layers = [
        Part(parse_layer(layer.case, origin="request").case, layer.count, request.batch_size)
        for layer in request.layers
    ]
    return _Network(backend, layers, request.batch_size, is_training=request.training).peak()


def peak_of_case(backend: Backend, case: Case, batch_size: int, pass_name: PassName) -> int | Unsupported:
    """The peak of preparing a case and calling a pass once."""
    memory.reset_peak()
    prepared = prepared_or_unsupported(backend.prepare(case, zero_tensors(case, batch_size)))
    if isinstance(prepared, Unsupported):
        return prepared
    call = prepared.call_of(pass_name)
    if isinstance(call, Unsupported):
        return call
    result = call()
    prepared.wait(result)
    return memory.process_peak_bytes()


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of a network, `count` times in a row, and bytes of its tensors."""

    case: Case
    count: int
    batch_size: int

    @property
    def x_bytes(self) -> int:
        """Of its input."""
        return prod(self.case.x_shape(self.batch_size)) * DTYPES[self.case.dtype]

    @property
    def dy_bytes(self) -> int:
        """Of the gradient by its output."""
        return prod(self.case.y_shape(self.batch_size)) * DTYPES[self.case.dtype]

    @property
    def weight_bytes(self) -> int:
        """Of w and b."""
        return input_bytes(self.case, self.batch_size, "forward") - self.x_bytes


class _Network:
    """A whole network at one batch size."""

    def __init__(self, backend: Backend, layers: Sequence[Part], batch_size: int, *, is_training: bool) -> None:
        self._backend, self._layers, self._batch_size = backend, layers, batch_size
        self._is_training = is_training
        self._peak = 0

    def peak(self) -> int | Unsupported:
        """The largest peak of all layers."""
        weights = sum(layer.count * layer.weight_bytes for layer in self._layers)
        kept = self._layers[0].x_bytes
        behind = weights
        """Weights of this layer and all behind it: as large as the gradients that come before its own."""
        with Ballast() as ballast:
            for layer in self._layers:
                behind -= layer.weight_bytes
                others = weights - layer.weight_bytes + self._is_training * kept
                found = self._layer(layer, others, behind, ballast)
                if isinstance(found, Unsupported):
                    return found
                behind -= (layer.count - 1) * layer.weight_bytes
                kept += layer.count * found
                gc.collect()
        return self._peak

    def _layer(self, layer: Part, others: int, gradients: int, ballast: Ballast) -> int | Unsupported:
        """Let a layer work beside `others` bytes, in its backward with the `gradients` of the weights behind it.

        Returns what each of its copies keeps for its backward.
        """
        before = memory.resident_bytes()
        tensors = zero_tensors(layer.case, self._batch_size)
        prepared = prepared_or_unsupported(self._backend.prepare(layer.case, tensors))
        if isinstance(prepared, Unsupported):
            return prepared
        has_copied = memory.resident_bytes() - before >= MOSTLY * layer.x_bytes
        if not self._is_training:
            own = -layer.dy_bytes if has_copied else layer.x_bytes  # no dy in inference
            return self._inference(prepared, others + own, ballast)
        others += -layer.x_bytes if has_copied else layer.dy_bytes
        return self._training(layer, prepared, others, gradients, ballast)

    def _inference(self, prepared: Prepared, others: int, ballast: Ballast) -> int:
        ballast.hold(others)
        self._work(prepared.forward, prepared)
        return 0

    def _training(
        self, layer: Part, prepared: Prepared, others: int, gradients: int, ballast: Ballast
    ) -> int | Unsupported:
        backward = prepared.call_of("backward")
        if isinstance(backward, Unsupported):
            return backward
        kept = self._kept(layer, prepared)
        others += (layer.count - 1) * kept
        ballast.hold(others)
        self._work(prepared.forward_for_training or prepared.forward, prepared)
        ballast.hold(others + gradients)
        self._work(backward, prepared)
        return kept

    def _kept(self, layer: Part, prepared: Prepared) -> int:
        """What a layer keeps: as it is measured, or y at least, where the backend cannot tell."""
        forward, counter = prepared.forward_for_training, self._backend.memory_counter()
        known = None if forward is None else memory.kept_memory(forward, prepared.wait, counter)
        return output_bytes(layer.case, self._batch_size, "forward") if known is None else known

    def _work(self, call: Callable[[], Native], prepared: Prepared) -> None:
        """Call once; preparing is not counted, where this system lets a peak begin anew."""
        memory.reset_peak()
        result = call()
        prepared.wait(result)
        self._peak = max(self._peak, memory.process_peak_bytes())
