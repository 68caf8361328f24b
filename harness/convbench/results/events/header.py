"""run.json: what was asked of a run, and where. Written once and whole, before anything is measured.

Its last key, `crc32`, is the CRC-32 of all the others as Python's json writes them on one line: a file that was changed
or damaged is refused. To change it on purpose, run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from convbench.errors import RunError
from convbench.results.events.schema import SCHEMA_VERSION, SEALED_SINCE
from convbench.text.strict_json import finite, to_json

HEADER = "run.json"
SEAL = "crc32"
Header = Mapping[str, Any]
"""run.json as it stands in the file: what older and newer versions wrote there is kept."""


class _Settings(msgspec.Struct):
    threads: int
    device: str
    batch_sizes: list[int]
    seed: int
    allocator: str = "default"
    cache: str = "hot"
    timing: bool = True
    memory: bool = True


class _Layer(msgspec.Struct):
    case: dict[str, Any]
    count: int


class _Workload(msgspec.Struct):
    name: str
    title: str
    source: str
    layers: list[_Layer]
    network: bool = False


class _Shape(msgspec.Struct):
    """What must be there to show a run, and of which type. Runs of schema 1 may lack what has a default."""

    command: str
    started: str
    settings: _Settings
    machine: dict[str, Any]
    packages: dict[str, str | None]
    identity: dict[str, str] = {}
    workloads: list[_Workload] = []
    floor: float | None = None


def write_header(folder: Path, header: Header) -> int:
    """Write run.json in one step; its checksum, with which the journal begins. OSError where that fails."""
    table = {"schema": SCHEMA_VERSION, **header}
    fresh = folder / f"{HEADER}.new"
    seal = seal_of(table)
    fresh.write_text(to_json(table | {SEAL: f"{seal:08x}"}, indent=1) + "\n", encoding="utf-8")
    fresh.replace(folder / HEADER)
    return seal


def read_header(folder: Path) -> Header:
    """run.json of a run; RunError where it is missing, damaged or of a newer schema."""
    path = folder / HEADER
    try:
        header = json.loads(path.read_bytes())
    except OSError as error:
        raise RunError(
            f"{folder} is not the folder of a run: cannot read {HEADER}: {error.strerror or error}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    schema = header.get("schema") if isinstance(header, dict) else None
    if not isinstance(schema, int):
        raise RunError(f"{path} is damaged: it has no schema version")
    if schema > SCHEMA_VERSION:
        raise RunError(f"{folder} has schema {schema}, this convbench reads up to {SCHEMA_VERSION}: upgrade convbench")
    assert isinstance(header, dict)
    seal = header.pop(SEAL, None)
    if (seal is not None or schema >= SEALED_SINCE) and seal != f"{seal_of(header):08x}":
        raise RunError(f"{path} is damaged: its checksum is wrong, so its content was changed")
    return header


def check_shape(header: Header, folder: Path) -> None:
    """RunError where a header lacks what a run needs to be shown, or has it in another type."""
    try:
        msgspec.convert(header, _Shape)
    except msgspec.ValidationError as error:
        raise RunError(f"{folder / HEADER} is damaged: {error}") from error


def seal_of(header: Header) -> int:
    """The checksum of a header as it was written or read."""
    return crc32(json.dumps(finite(header)).encode())
