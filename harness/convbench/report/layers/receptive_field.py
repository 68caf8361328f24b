"""Receptive fields: how much of the input of a network one neuron of its last feature map sees.

- A field is followed backward through a chain of cases. On each axis, f places of an output come from
  (f - 1) * stride + extent places of the input, where the extent of a window is (kernel - 1) * dilation + 1.
- Cases form a chain if the output of each is the input of the next. A case that occurs n times is in the chain n times
  in a row.
- In a list of layers that is no network, shapes may match by chance. So a chain is only the whole workload, or a part
  that ends with a flatten and in which no layer repeats.
- The last feature map is the input of a final flatten or global pool, since behind that a neuron sees everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from convbench_specs import Case, Conv, Flatten, Layer, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The layers start .. stop - 1 of a workload, and the receptive field of one neuron of their last feature map.

    `fields` holds, for each layer up to the last feature map, how many places of its output that neuron sees on each
    spatial axis. `field` is the same for the input of the chain, which has the size `sizes`. Both may include padding.
    `field_without_pools` is what the same convolutions would see if no pool stood between them.
    """

    start: int
    stop: int
    fields: tuple[tuple[int, ...], ...]
    field: tuple[int, ...]
    sizes: tuple[int, ...]
    field_without_pools: tuple[int, ...]

    @property
    def last(self) -> int:
        """The number of the layer whose output is the last feature map."""
        return self.start + len(self.fields) - 1

    @property
    def places(self) -> int:
        """How many places one map of the input has."""
        return prod(self.sizes)

    @property
    def seen(self) -> int:
        """How many of these places the neuron sees: never more than the input has, even if the field is larger."""
        return self._seen(self.field)

    @property
    def coverage(self) -> float:
        """The share of the input that the neuron sees, from 0 to 1."""
        return self.seen / self.places

    @property
    def seen_without_pools(self) -> int:
        """How many places it would see if no pool stood between the convolutions."""
        return self._seen(self.field_without_pools)

    def _seen(self, field: tuple[int, ...]) -> int:
        return prod(map(min, field, self.sizes))


def chains(layers: Sequence[Layer]) -> tuple[Chain, ...]:
    """All chains of at least two cases that have a last feature map."""
    bounds = [0, *(n for n in range(1, len(layers)) if not _follows(layers[n - 1], layers[n])), len(layers)]
    runs = [(start, stop) for start, stop in pairwise(bounds) if stop - start > 1]
    found = (_chain(layers, start, stop) for start, stop in runs if _is_network(layers, start, stop))
    return tuple(chain for chain in found if chain.fields)


def _follows(before: Layer, layer: Layer) -> bool:
    return (
        before.case.output_shape == layer.case.input_shape
        and _can_stand_in_a_row(before)
        and _can_stand_in_a_row(layer)
    )


def _can_stand_in_a_row(layer: Layer) -> bool:
    return layer.count == 1 or layer.case.output_shape == layer.case.input_shape


def _is_network(layers: Sequence[Layer], start: int, stop: int) -> bool:
    if stop - start == len(layers):
        return True
    ends = isinstance(layers[stop - 1].case.operation, Flatten)
    return ends and all(layer.count == 1 for layer in layers[start:stop])


def _chain(layers: Sequence[Layer], start: int, stop: int) -> Chain:
    last = stop
    while last > start and _sees_everything(layers[last - 1].case):
        last -= 1
    field = without_pools = (1,) * (len(layers[start].case.input_shape) - 1)
    fields = []
    for layer in reversed(layers[start:last]):
        fields.append(field)
        for _ in range(layer.count):
            field = _seen_of_input(layer.case, field)
            if isinstance(layer.case.operation, Conv):
                without_pools = _seen_of_input(layer.case, without_pools)
    return Chain(
        start=start,
        stop=stop,
        fields=tuple(reversed(fields)),
        field=field,
        sizes=layers[start].case.input_shape[1:],
        field_without_pools=without_pools,
    )


def _sees_everything(case: Case) -> bool:
    operation = case.operation
    return isinstance(operation, Flatten) or (isinstance(operation, Pool) and operation.kernel_size == "global")


def _seen_of_input(case: Case, field: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(case.operation, Pool) and case.operation.over == "channels":
        return field
    return tuple((f - 1) * axis.stride + axis.extent for f, axis in zip(field, case.axes, strict=True))
