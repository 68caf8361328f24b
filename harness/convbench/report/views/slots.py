"""Which colour and which marker each backend has in the whole page: a slot stands for both.

A backend that declares a place among others has the same slot in every report, whichever other backends took part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from convbench.results.events.state import BackendRecord

SLOTS = 10
"""Number of colours and markers in report.css and the template. If there are more backends, some share a slot."""
SCHEMA_WITHOUT_DISPLAY_ORDER = 1
LAST_BUNDLED = 6
"""The bundled backends declare the places 0 to 6, and no other backend takes one of these, even if some are absent."""


def slots(backends: Iterable[BackendRecord]) -> dict[str, int]:
    """The slot of each backend: its display order; those that declare none come behind, in alphabetical order.

    >>> jax = BackendRecord(name="jax", display_order=6)
    >>> slots([BackendRecord(name="mine"), jax, BackendRecord(name="another")])
    {'jax': 6, 'another': 7, 'mine': 8}
    """
    places = {backend.name: backend.display_order for backend in backends}
    declared = {name: place for name, place in places.items() if place is not None}
    behind = max([LAST_BUNDLED, *declared.values()]) + 1
    others = sorted(places.keys() - declared.keys())
    ordered = dict(sorted(declared.items(), key=lambda item: (item[1], item[0])))
    ordered |= {name: behind + number for number, name in enumerate(others)}
    return {name: place % SLOTS for name, place in ordered.items()}


def slots_of_run(recorded: Sequence[BackendRecord], schema_version: int, measured: Iterable[str]) -> dict[str, int]:
    """The slot of every backend of a run that is recorded or was measured."""
    known = {backend.name for backend in recorded}
    others = [BackendRecord(name=name) for name in dict.fromkeys(measured) if name not in known]
    return slots([*placed(recorded, schema_version), *others])


def placed(recorded: Sequence[BackendRecord], schema_version: int) -> Sequence[BackendRecord]:
    """The backends of a run with their display orders, as far as its schema has them."""
    return placed_as_listed(recorded) if schema_version == SCHEMA_WITHOUT_DISPLAY_ORDER else recorded


def placed_as_listed(backends: Sequence[BackendRecord]) -> list[BackendRecord]:
    """The backends of a run of schema 1, each with its place in the list as its display order.

    Runs of schema 1 do not record what a backend declares, but they list the backends in their display order, the
    bundled ones first. So a run with all bundled backends keeps the colours that it has always had.
    """
    return [replace(backend, display_order=place) for place, backend in enumerate(backends)]
