"""What the host asks the process that reads a model, and what that answers; faults are those of workers/protocol.py."""

from __future__ import annotations

import msgspec

from convbench.workers.protocol import CaseTable, Plugin, Reply, Request


class FoundLayer(msgspec.Struct, frozen=True):
    """A case, as convbench_specs.case_table writes it, and how often it occurs."""

    case: CaseTable
    count: int


class FoundLeftOut(msgspec.Struct, frozen=True):
    """The fields of convbench_specs.LeftOut."""

    name: str
    what: str
    reason: str
    flops: int
    count: int
    in_scope: bool


class ModelRead(Reply, frozen=True, kw_only=True, tag="model_read"):
    """The fields of convbench_specs.Extraction."""

    layers: tuple[FoundLayer, ...]
    left_out: tuple[FoundLeftOut, ...] = ()
    dense: tuple[int, ...] = ()
    dense_flops: int = 0
    framework: str = ""


class ReadModel(Request[ModelRead], frozen=True, kw_only=True, tag="read_model"):
    """Read the model of a source on inputs of these shapes, with the extractors of these plug-ins."""

    source: str
    shapes: tuple[tuple[int, ...], ...]
    plugins: tuple[Plugin, ...]
