"""Loads a run folder: every event of its journal, folded. Nothing is executed, no pickle is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

from convbench.errors import RunError
from convbench.results.events.header import HEADER, Header, check_shape, read_header
from convbench.results.events.journal import PICTURES, read_events
from convbench.results.events.schema import PictureMade
from convbench.results.events.state import RunState
from convbench.results.run import Picture, Run
from convbench_specs import Layer, Workload, parse_layer

Kind = TypeVar("Kind", bound=Run)


def load_run(path: str | Path) -> Run:
    """Load the run in a folder. Raises RunError if the folder holds no run, or a damaged or newer one."""
    return load_as(Run, path)


def load_as(kind: type[Kind], path: str | Path) -> Kind:
    """The same as a kind of run that shows more of itself."""
    folder = Path(path)
    header = read_header(folder)
    check_shape(header, folder)
    return kind(
        folder=folder,
        header=header,
        state=(state := load_state(folder, is_live=False)),
        workloads=stored_workloads(header),
        pictures=tuple(_picture(folder, made) for made in state.pictures),
    )


def load_state(folder: Path, *, is_live: bool) -> RunState:
    """What the journal of a run tells, for a run that goes on or not; RunError where it cannot be read."""
    state = RunState(is_live=is_live)
    for event in read_events(folder):
        state.apply(event)
    return state


def stored_workloads(header: Header) -> tuple[Workload, ...]:
    """The workloads as they were when the run was made."""
    return tuple(_workload(table) for table in header.get("workloads", ()))


def _workload(table: Mapping[str, Any]) -> Workload:  # a table of run.json, checked by parse_layer
    layers = tuple(
        Layer(case=parse_layer(layer["case"], origin=HEADER).case, count=layer["count"]) for layer in table["layers"]
    )
    network = table.get("network", False)  # runs from before there was this key have no networks
    return Workload(name=table["name"], layers=layers, title=table["title"], source=table["source"], network=network)


def _picture(folder: Path, made: PictureMade) -> Picture:
    """A picture of the run; RunError where its file is gone or is not what was written."""
    path = folder / PICTURES / Path(made.file).name
    try:
        png = path.read_bytes()
    except OSError as error:
        raise RunError(f"{folder} is incomplete: cannot read {path}: {error.strerror or error}") from error
    if made.checksum and made.checksum != f"{crc32(png):08x}":
        raise RunError(f"{path} is damaged: its checksum does not fit")
    return Picture(title=made.title, caption=made.caption, png=png)
