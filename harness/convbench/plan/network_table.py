"""A network that is trained, as plain values: what a file and a message hold of it, and the network that they mean."""

from __future__ import annotations

from dataclasses import asdict, replace

import msgspec

from convbench_specs import DType, SpecError, Workload, WorkloadError, case_table, parse_layer
from convbench_specs.recipe import Recipe, parse_recipe
from convbench_specs.training import TrainableNetwork, trainable_network


class CountedCase(msgspec.Struct, frozen=True):
    """A case as convbench_specs.case_table writes it, and how often it occurs."""

    case: dict[str, object]
    count: int


class NetworkTable(msgspec.Struct, frozen=True, kw_only=True):
    """The workload of a network, with the recipe that it is trained by."""

    name: str
    title: str = ""
    source: str = ""
    layers: list[CountedCase]
    dense: list[int]
    recipe: dict[str, float | int | str]


def network_table(workload: Workload, recipe: Recipe) -> NetworkTable:
    """A workload as plain values, with the recipe that takes the place of its own."""
    return NetworkTable(
        name=workload.name,
        title=workload.title,
        source=workload.source,
        layers=[CountedCase(case_table(layer.case), layer.count) for layer in workload.layers],
        dense=list(workload.dense),
        recipe=asdict(recipe),
    )


def network_of(table: NetworkTable, dtype: DType) -> TrainableNetwork:
    """The network that plain values mean, in a dtype; WorkloadError where it cannot be trained."""
    layers = []
    for each in table.layers:
        layer = parse_layer({**each.case, "count": each.count}, origin=table.name)
        layers.append(replace(layer, case=layer.case.with_dtype(dtype)))
    try:
        recipe = parse_recipe(table.recipe)
    except SpecError as error:
        raise WorkloadError(f"{table.name}: training: {error.key}: {error.problem}") from error
    return trainable_network(
        Workload(
            name=table.name,
            title=table.title,
            source=table.source,
            layers=tuple(layers),
            network=True,
            dense=tuple(table.dense),
            recipe=recipe,
        )
    )
