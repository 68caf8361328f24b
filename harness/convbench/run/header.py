"""run.json: what was asked of a run, and where; and what differs between two of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from convbench.machine.facts import machine_facts, package_versions
from convbench.machine.identity import machine_identity
from convbench.machine.noise_floor import cached_floor
from convbench.plan.items import Plan
from convbench.plan.settings import RunSettings
from convbench.results.events.header import Header
from convbench.workers.entrants import interpreters
from convbench.workers.plugins import Registered
from convbench_specs import CONTRACT, Workload, case_table

VARYING = ("load at start",)
"""Facts of a machine that change while it stays the same machine."""


def make_header(
    plan: Plan,
    settings: RunSettings,
    backends: Sequence[Registered],
    packages: tuple[str, ...],
    *,
    machine: str | None = None,
) -> Header:
    """The header of a new run; `packages` are distributions whose versions the backends declare as theirs.

    `machine` is what its user calls the machine; the host name where it is None.
    """
    declared = tuple(dict.fromkeys([*packages, *(name for each in backends for name in each.backend.packages)]))
    return {
        "command": command_line("convbench.compare"),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": settings.as_dict(),
        "floor": cached_floor(settings.threads) if settings.timing else None,
        "machine": machine_facts(),
        "identity": machine_identity(machine),
        "packages": package_versions(packages),
        "contract": list(CONTRACT),
        "interpreters": {
            path: {"python": each.python, "convbench": each.convbench, **each.versions(declared)}
            for path, each in interpreters(backends).items()
        },
        "plugins": plugin_options(backends),
        "workloads": [workload_table(workload) for workload in plan.workloads],
    }


def plugin_options(backends: Iterable[Registered]) -> list[str]:
    """What --plugin must name so that these are found; an entrant that names its file itself needs no option."""
    found = [entry.plugin.option for entry in backends if not entry.entered_as.endswith(".py")]
    return list(dict.fromkeys(filter(None, found)))


def differences(stored: Header, present: Header) -> list[str]:
    """What makes two headers those of different runs, a short phrase each: settings, machine, packages, workloads."""
    found = []
    for section, what in (
        ("settings", "setting"),
        ("machine", "machine's"),
        ("packages", "package"),
        ("interpreters", "interpreter"),
    ):
        then, now = dict(stored.get(section, {})), dict(present.get(section, {}))
        for name in dict.fromkeys([*then, *now]):
            before, after = _plain(then.get(name)), _plain(now.get(name))
            if name not in VARYING and before != after:
                found.append(f"{what} {name} was {_shown(before)}, is {_shown(after)}")
    workloads = {table["name"]: table for table in stored.get("workloads", ())}
    changed = [
        table["name"] for table in present.get("workloads", ()) if _plain(workloads.get(table["name"])) != _plain(table)
    ]
    return [*found, *(f"workload {name} has changed" for name in changed)]


def workload_table(workload: Workload) -> dict[str, Any]:  # a table of JSON, as parse_layer reads it
    """A workload as plain values."""
    layers = [{"case": case_table(layer.case), "count": layer.count} for layer in workload.layers]
    named = {"name": workload.name, "title": workload.title, "source": workload.source, "network": workload.network}
    return {**named, "layers": layers}


def stored_settings(header: Header) -> Mapping[str, Any]:  # keywords of RunSettings, which checks them
    """The settings of a run as keywords; lists become the tuples that they were."""
    stored = header.get("settings", {})
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def command_line(function: str) -> str:
    """The command line, or what stands for it where a script or notebook called the function."""
    called = Path(sys.argv[0])
    if called.name == "convbench" or called.parts[-2:] == ("convbench", "__main__.py"):
        return shlex.join(["convbench", *sys.argv[1:]])
    return f"{function} in {called.name}"


def _plain(value: object) -> object:
    """Tuples as the lists that JSON makes of them, at every depth."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
