"""training.json: what was asked of a training, and where. Written once and whole, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convbench.errors import RunError
from convbench.plan.network_table import NetworkTable
from convbench.text.strict_json import to_json
from convbench_specs import Device, DType

HEADER = "training.json"
SCHEMA = 1


class StoredData(msgspec.Struct, frozen=True, kw_only=True):
    """The data set; `digest` is of all its images and labels."""

    name: str
    source: str
    train_images: int
    test_images: int
    digest: str


class StoredSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the call asked for."""

    dtype: DType
    threads: int
    device: Device
    seed: int
    within_s: float
    timeout_s: float
    watch_every: int
    moved_runs: int
    reference: str
    backends: list[str] | None = None
    entrants: list[str] = []
    plugins: list[str] = []
    data: str = ""


class TrainingHeader(msgspec.Struct, frozen=True, kw_only=True):
    """All of training.json."""

    command: str
    started: str
    settings: StoredSettings
    network: NetworkTable
    data: StoredData
    machine: dict[str, object] = {}
    identity: dict[str, str] = {}
    packages: dict[str, str | None] = {}
    schema: int = SCHEMA


def write_header(folder: Path, header: TrainingHeader) -> None:
    """Write training.json in one step; OSError where that fails."""
    fresh = folder / f"{HEADER}.new"
    fresh.write_text(to_json(msgspec.to_builtins(header), indent=1) + "\n", encoding="utf-8")
    fresh.replace(folder / HEADER)


def read_header(folder: Path) -> TrainingHeader:
    """training.json of a folder; RunError where it is missing, damaged or of a newer schema."""
    path = folder / HEADER
    try:
        header = msgspec.json.decode(path.read_bytes(), type=TrainingHeader, strict=False)
    except OSError as error:
        raise RunError(f"{folder} holds no training: cannot read {HEADER}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if header.schema > SCHEMA:
        raise RunError(f"{folder} has schema {header.schema}, this convbench reads up to {SCHEMA}: upgrade convbench")
    return header
