"""What the host asks of a plug-in before any worker computes: what is in it, what runs here, which variables it needs.

One type a question and one an answer, as in protocol.py, whose faults answer these, too.
"""

from __future__ import annotations

from convbench.workers.discovery.declaration import Declaration, DeclaredExtractor
from convbench.workers.protocol import Declined, Fault, Plugin, Reply, Request
from convbench_specs import Device


class Described(Reply, frozen=True, kw_only=True, tag="described"):
    """What a plug-in offers, workloads as names of TOML files, and why some of its backends are left out."""

    backends: tuple[Declaration, ...] = ()
    workloads: tuple[str, ...] = ()
    extractors: tuple[DeclaredExtractor, ...] = ()
    refused: tuple[str, ...] = ()


class IsAvailable(Reply, frozen=True, kw_only=True, tag="is_available"):
    """Whether a backend can run; `text` is its version, or why it cannot."""

    can_run: bool
    text: str


class Variables(Reply, frozen=True, kw_only=True, tag="variables"):
    """Environment variables by name."""

    values: dict[str, str]


class Describe(Request[Described], frozen=True, kw_only=True, tag="describe"):
    """What does the plug-in offer? It is loaded for the answer, and this comes first."""

    plugin: Plugin


class AskAvailability(Request[IsAvailable], frozen=True, kw_only=True, tag="availability"):
    """Can the backend run on the device here, with these options?"""

    backend: str
    device: Device
    threads: int
    options: dict[str, str | int]


class AskEnvironment(Request[Variables], frozen=True, kw_only=True, tag="environment"):
    """Which variables must stand before a worker of the backend starts?"""

    backend: str
    threads: int
    device: Device
    scratch_folder: str
    options: dict[str, str | int]


Question = Describe | AskAvailability | AskEnvironment
Answer = Described | IsAvailable | Variables | Declined | Fault
