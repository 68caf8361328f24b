"""Workloads: named lists of cases in TOML files, shipped or a user's own.

    title = "One layer"
    source = "where the numbers are from"
    dtype = "float32"              # of every case that names none
    network = true                 # its cases are all layers of one network, in order: reports add them up
    dense = [10]                   # fully connected layers behind the last case; trained, never measured

    [[cases]]                      # or cases = [{ name = "conv1", ... }, ...], one line per case
    name = "conv1"
    operation = "conv"             # conv, pool or flatten; the other keys are the fields of Conv, Pool and Flatten
    input = [1, 28, 28]            # channels, then height and width, or width alone; without the batch
    out_channels = 32
    kernel_size = 3                # once for all axes, or one number an axis
    count = 1                      # how often it occurs in its network

    [training]                     # how the network is trained, see recipe.py
    learning_rate = 0.01
    batch_size = 60
    epochs = 1

A file is read strictly: an unknown key, a wrong type or a shape that cannot be is an error that names file, case and
key, and nothing runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from convbench_specs.case import Case
from convbench_specs.errors import SpecError, WorkloadError
from convbench_specs.operations import Conv, Flatten, Operation, Pool, spatial
from convbench_specs.recipe import RECIPE_KEYS, TEXT_KEYS, Recipe, parse_recipe

OPERATIONS: Mapping[str, type[Conv | Pool | Flatten]] = {"conv": Conv, "pool": Pool, "flatten": Flatten}
LONGEST_NAME = 200
"""Characters of the name of a case."""
CASE_KEYS = ("name", "operation", "input", "dtype", "x", "w", "count")
WORKLOAD_KEYS = ("title", "source", "dtype", "network", "dense", "cases", "training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A case and how often it occurs in the workload's network."""

    case: Case
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A named list of cases. `source` says where the numbers are from; `dense` are the layers behind the last case.

    `network` says that the layers, each as often as its count, are the convolutions, pools and flattens of one network.
    `recipe` is how that network is trained, if the file says so.
    """

    name: str
    layers: tuple[Layer, ...]
    title: str = ""
    source: str = ""
    network: bool = False
    dense: tuple[int, ...] = ()
    recipe: Recipe | None = None

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in file order."""
        return tuple(layer.case for layer in self.layers)


def shipped_workloads() -> tuple[str, ...]:
    """Names of the workloads that come with convbench, sorted."""
    folder = resources.files("convbench_specs") / "workloads"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_workload(name: str, others: Mapping[str, Path] = MappingProxyType({})) -> Workload:
    """A workload by name, or from a TOML file by path.

    Names are those of the shipped workloads, and of `others`, which plug-ins bring, each with its TOML file. Raises
    WorkloadError where there is no such workload, or the file cannot be read or is wrong.
    """
    shipped = shipped_workloads()
    if name in shipped:
        resource = resources.files("convbench_specs") / "workloads" / f"{name}.toml"
        return parse_workload(resource.read_text(encoding="utf-8"), name=name, origin=f"{name}.toml")
    path = others.get(name, Path(name))
    if path.suffix != ".toml" and not path.is_file():
        raise WorkloadError(f"unknown workload {name!r}{_nearest(name, (*shipped, *others))}")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
    except OSError as error:
        raise WorkloadError(f"cannot read workload {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise WorkloadError(f"cannot read workload {name}: it is not UTF-8, as TOML must be: {error}") from error
    return parse_workload(text, name=path.stem, origin=str(path))


def parse_workload(text: str, *, name: str, origin: str) -> Workload:
    """A workload from TOML text; `origin` is named in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorkloadError(f"{origin}: not valid TOML: {error}") from error
    _reject_unknown(table, WORKLOAD_KEYS, origin)
    entries = table.get("cases", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise WorkloadError(f"{origin}: cases: must be a list of at least one [[cases]] table")
    layers = tuple(
        parse_layer(entry, dtype=table.get("dtype", "float32"), origin=origin, number=number)
        for number, entry in enumerate(entries, start=1)
    )
    names = [layer.case.name for layer in layers]
    for case_name in names:
        if names.count(case_name) > 1:
            raise WorkloadError(f"{origin}: case {case_name}: name: occurs twice")
    try:
        title, source, network, dense = _text(table, "title"), _text(table, "source"), _network(table), _dense(table)
    except SpecError as error:
        raise WorkloadError(f"{origin}: {error.key}: {error.problem}") from error
    recipe = _recipe(table, origin)
    return Workload(name=name, layers=layers, title=title, source=source, network=network, dense=dense, recipe=recipe)


def parse_layer(entry: Mapping[str, Any], *, dtype: str = "float32", origin: str, number: int = 1) -> Layer:
    """One [[cases]] table."""
    name = str(entry.get("name", number))[:LONGEST_NAME]
    where = f"{origin}: case {name if name.isprintable() else ascii(name)}"
    kind = entry.get("operation")
    if kind is None:
        raise WorkloadError(f"{where}: operation: is missing; it is one of {', '.join(OPERATIONS)}")
    if not isinstance(kind, str) or kind not in OPERATIONS:
        raise WorkloadError(f"{where}: operation: must be one of {', '.join(OPERATIONS)}, not {kind!r}")
    parameters = tuple(field.name for field in fields(OPERATIONS[kind]))
    _reject_unknown(entry, CASE_KEYS + parameters, where)
    try:
        count = spatial("count", entry.get("count", 1), 1)[0]
        shape = _input_shape(entry.get("input"))
        case = Case(
            name=_text(entry, "name") or f"{kind}{number}",
            operation=_operation(kind, {key: entry[key] for key in parameters if key in entry}, shape),
            input_shape=shape,
            dtype=entry.get("dtype", dtype),
            x_data=entry.get("x", "random"),
            w_data=entry.get("w", "random"),
        )
    except SpecError as error:
        raise WorkloadError(f"{where}: {error.key}: {error.problem}") from error
    return Layer(case=case, count=count)


def case_table(case: Case) -> dict[str, Any]:
    """The [[cases]] table of a case, of plain numbers, text and lists: parse_layer of it gives the case again."""
    operation = case.operation
    table: dict[str, Any] = {"name": case.name, "operation": case.operation_name}
    table |= {"input": list(case.input_shape), "dtype": case.dtype}
    for field in fields(operation):
        value = getattr(operation, field.name)
        if value is not None and not (isinstance(operation, Pool) and value == field.default):
            table[field.name] = _plain(value)
    if case.x_data != "random":
        table["x"] = case.x_data
    if case.w_data != "random":
        table["w"] = case.w_data
    return table


def _plain(value: Any) -> Any:
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _input_shape(value: object) -> tuple[int, ...]:
    if value is None:
        raise SpecError("input", "is missing; it is [channels, width] or [channels, height, width]")
    if not isinstance(value, list) or len(value) not in {2, 3}:
        raise SpecError("input", f"must be [channels, width] or [channels, height, width], not {value!r}")
    return spatial("input", value, len(value))


def _operation(kind: str, parameters: dict[str, Any], shape: tuple[int, ...]) -> Operation:
    """Numbers given once are spread over the spatial axes of the input; in_channels is that of the input."""
    rank = len(shape) - 1
    if kind == "conv":
        parameters.setdefault("in_channels", shape[0])
    if kind == "pool" and parameters.get("over") == "channels":
        rank = 1
    for key in ("kernel_size", "stride", "dilation"):
        if key in parameters and parameters[key] != "global":
            parameters[key] = spatial(key, parameters[key], rank)
    required = {"conv": ("out_channels", "kernel_size"), "pool": ("kind", "kernel_size"), "flatten": ()}[kind]
    for key in required:
        if key not in parameters:
            raise SpecError(key, "is missing; it is max or average" if key == "kind" else "is missing")
    return OPERATIONS[kind](**parameters)


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise SpecError(key, f"must be text, not {value!r}")
    if not all(line.isprintable() for line in value.split("\n")) or (key == "name" and "\n" in value):
        raise SpecError(key, f"must be text that can be printed, not {value[:LONGEST_NAME]!a}")
    if key == "name" and len(value) > LONGEST_NAME:
        raise SpecError(key, f"must have at most {LONGEST_NAME} characters, not {len(value):,}")
    return value


def _network(table: Mapping[str, Any]) -> bool:
    value = table.get("network", False)
    if not isinstance(value, bool):
        raise SpecError("network", f"must be true or false, not {value!r}")
    return value


def _dense(table: Mapping[str, Any]) -> tuple[int, ...]:
    widths = table.get("dense", [])
    if not isinstance(widths, list):
        raise SpecError("dense", f"must be a list of whole numbers, not {widths!r}")
    return spatial("dense", widths, len(widths)) if widths else ()


def _recipe(table: Mapping[str, Any], origin: str) -> Recipe | None:
    entry, where = table.get("training"), f"{origin}: training"
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise WorkloadError(f"{where}: must be a [training] table, not {entry!r}")
    _reject_unknown(entry, RECIPE_KEYS, where)
    try:
        for key in TEXT_KEYS:
            _text(entry, key)
        return parse_recipe(entry)
    except SpecError as error:
        raise WorkloadError(f"{where}: {error.key}: {error.problem}") from error


def _reject_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise WorkloadError(f"{where}: {key}: unknown key{_nearest(key, known)}")


def _nearest(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"{hint}{'' if hint else ';'} known: {', '.join(known)}"
