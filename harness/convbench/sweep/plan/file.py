"""A plan: a TOML file that says what a sweep measures.

    title = "LeNet-5 on two processors"
    workloads = ["lenet5", "my_layers.toml"]   # a job for each; files are looked for beside the plan
    machines = ["epyc", "xeon"]                # and for each of these kinds of machine; default: ["machine"]

    [settings]                                 # the same in every job, under the names of the options of compare
    backends = ["numpy-im2col", "pytorch"]     # they take turns in one job, and are ranked there
    batch_sizes = [1, 32]

    [vary]                                     # a job for each combination of these
    threads = [1, 8]
    dtypes = ["float32", "float64"]
    batch_sizes = [[1, 8], 32]                 # a value may itself be a list

    [packages]                                 # what the machines must have; default: what is installed here
    numpy = "2.4.6"

It is read strictly: an unknown key or a value that `convbench compare` would refuse is an error, and nothing runs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from convbench.errors import UsageError, unknown_name
from convbench.sweep.plan.settings import LISTS, SETTINGS, Value, check_settings, value_of
from convbench_specs import ConvbenchError, load_workload, shipped_workloads

KEYS = ("title", "workloads", "machines", "settings", "vary", "packages")
ANY_MACHINE = "machine"
"""The kind of machine where a plan names none."""
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
MODEL_FILES = (".py", ".pt", ".pth", ".pt2", ".keras", ".h5", ".onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """A plan that was read. `files` are the user's own files that its jobs bring along."""

    origin: str
    folder: Path
    title: str
    workloads: tuple[str, ...]
    machines: tuple[str, ...]
    settings: Mapping[str, Value]
    vary: Mapping[str, tuple[Value, ...]]
    packages: Mapping[str, str] | None
    files: tuple[Path, ...]

    def names(self, key: str) -> tuple[str, ...] | None:
        """All names that any job has for a setting; None where a job leaves it out."""
        values = self.vary.get(key, (self.settings[key],) if key in self.settings else ())
        found = dict.fromkeys(str(name) for value in values if isinstance(value, tuple) for name in value)
        return tuple(found) or None


def read_plan(path: Path) -> SweepPlan:
    """The plan of a file; UsageError says file, key and what is wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    try:
        return _plan(table, path)
    except ConvbenchError as error:
        raise UsageError(f"{path}: {error}") from error


def _plan(table: Mapping[str, object], path: Path) -> SweepPlan:
    for key in table:
        if key not in KEYS:
            hint = f"; {key} is a setting: it belongs below [settings] or [vary]" if key in SETTINGS else ""
            raise UsageError(f"{unknown_name('key', key, KEYS)}{hint}")
    title = table.get("title", "")
    if not isinstance(title, str) or not title.isprintable():
        raise UsageError(f"title must be one line of text, not {title!r}")
    workloads = _texts(table, "workloads", None)
    machines = _texts(table, "machines", (ANY_MACHINE,))
    for kind in machines:
        if KIND.fullmatch(kind) is None:
            raise UsageError(f"machines: {kind!r} must be letters, digits, hyphens, dots and underscores")
    settings = {key: value_of(key, value) for key, value in _settings(table, "settings").items()}
    vary = {key: _values(key, value) for key, value in _settings(table, "vary").items()}
    if twice := next((key for key in vary if key in settings), None):
        raise UsageError(f"{twice} stands below [settings] and [vary]: leave one out")
    for combination in product(*vary.values()):
        check_settings({**settings, **dict(zip(vary, combination, strict=True))})
    return SweepPlan(
        origin=str(path),
        folder=path.parent,
        title=title,
        workloads=workloads,
        machines=machines,
        settings=settings,
        vary=vary,
        packages=_packages(table),
        files=_files(path.parent, workloads, settings, vary),
    )


def _texts(table: Mapping[str, object], key: str, default: tuple[str, ...] | None) -> tuple[str, ...]:
    """A list of different texts; without a default it must be there."""
    if key not in table and default is not None:
        return default
    value = table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise UsageError(f"{key} must be a list of at least one name" + (f", not {value!r}" if key in table else ""))
    if twice := next((each for each in value if value.count(each) > 1), None):
        raise UsageError(f"{key}: {twice} occurs twice")
    return tuple(value)


def _settings(table: Mapping[str, object], section: str) -> Mapping[str, object]:
    found = table.get(section, {})
    if not isinstance(found, dict):
        raise UsageError(f"{section} must be a table: [{section}]")
    for key in found:
        if key not in SETTINGS:
            raise UsageError(f"[{section}]: {unknown_name('setting', key, SETTINGS)}")
    return found


def _values(key: str, given: object) -> tuple[Value, ...]:
    """The values of a setting that varies."""
    if not isinstance(given, list) or not given:
        example = "[[1, 8], [32]]" if SETTINGS[key].kind in LISTS else "[1, 8]"
        raise UsageError(f"[vary]: {key} must be a list of values, such as {example}, not {given!r}")
    return tuple(value_of(key, each) for each in given)


def _packages(table: Mapping[str, object]) -> Mapping[str, str] | None:
    found = table.get("packages")
    if found is None:
        return None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise UsageError('packages must be a table of versions: [packages], numpy = "2.4.6"')
    return {str(name): str(version) for name, version in found.items()}


def _files(
    folder: Path, workloads: tuple[str, ...], settings: Mapping[str, Value], vary: Mapping[str, tuple[Value, ...]]
) -> tuple[Path, ...]:
    """Files of workloads and plug-ins, which jobs bring along; UsageError where one is missing or cannot be read."""
    found = []
    for name in workloads:
        source = name.partition(":")[0]
        if source.endswith(MODEL_FILES):
            raise UsageError(
                f"workloads: {name} is a model, which the machines do not have: "
                f"convbench extract {name} --output {Path(source).stem}.toml, and name that file"
            )
        if name.endswith(".toml"):
            found.append(folder / name)
        if name.endswith(".toml") or (name in shipped_workloads()):
            load_workload(name if name in shipped_workloads() else str(folder / name))
    values = (*vary.get("plugin", ()), *((settings["plugin"],) if "plugin" in settings else ()))
    plugins = [str(name) for value in values if isinstance(value, tuple) for name in value]
    for name in plugins:
        if name.endswith(".py"):
            if not (folder / name).is_file():
                raise UsageError(f"plugin: there is no file {folder / name}")
            found.append(folder / name)
    return tuple(dict.fromkeys(found))
