"""Whether the tensors of an item fit into memory, asked before anything of it runs.

A lower bound, from shapes alone: what a pass allocates beside its tensors is not known yet. The host and the files
through which tensors pass hold the inputs once each, every backend its own copy in its own layout, and the results of
each backend wait in files until they are compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from convbench.plan.items import Item
from convbench.text.units import format_bytes
from convbench_specs import input_bytes, output_bytes

HOST_COPIES = 2
"""The host's own inputs and outputs, and the files; these are in shared memory where there is room."""


def least_bytes(item: Item, backends: int) -> int:
    """Bytes that checking the item on so many backends holds at once, at least."""
    inputs = input_bytes(item.case, item.batch_size, "both")
    outputs = output_bytes(item.case, item.batch_size, "both")
    return (HOST_COPIES + backends) * inputs + (1 + backends) * outputs


def too_large(items: Iterable[Item], backends: int, free_bytes: int) -> dict[Item, str]:
    """The items that cannot fit, and why."""
    reasons = {}
    for item in items:
        least = least_bytes(item, backends)
        if least > free_bytes:
            reasons[item] = (
                f"its tensors alone need {format_bytes(least)} on {backends} backends and the host, "
                f"but only {format_bytes(free_bytes)} are free"
            )
    return reasons
