"""The commands that only list something: the backends, the workloads, the layers of one workload."""

from __future__ import annotations

from dataclasses import fields

import click
from rich.table import Table
from rich.text import Text

from convbench.errors import UsageError
from convbench.extraction.asking import names_model
from convbench.report.console import plain_console
from convbench.report.layers.table import layer_table
from convbench.report.layers.text import render_layer_table
from convbench.report.tables import print_whole
from convbench.workers.discovery.declaration import OPTIONS_OF_HOST
from convbench.workers.plugins import availabilities, find_backends
from convbench_specs import Available, Supports, load_workload, shipped_workloads


def print_backends(plugins: tuple[str, ...], device: str) -> None:
    """Print the installed backends with their versions, and why the others are not available."""
    if device not in {"cpu", "cuda"}:
        raise UsageError(f"unknown device {device!r}; there are: cpu, cuda")
    registry = find_backends(plugins)
    console = plain_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("backend", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("devices", no_wrap=True)
    table.add_column("what it is, or why it is unavailable")
    able = availabilities(list(registry.backends.values()), "cuda" if device == "cuda" else "cpu")
    for name, found in able.items():
        backend = registry.backends[name].backend
        if isinstance(found, Available):
            version, text = found.version, Text(backend.summary)
        else:
            version, text = "", Text("unavailable", style="yellow").append(f": {found.reason}", style="default")
        table.add_row(name, Text(version), Text(", ".join(backend.devices)), text)
    print_whole(table, console)
    for failed in registry.failed:
        line = Text("failed", style="red").append(f": plug-in {failed.plugin.label}: {failed.reason}", style="default")
        console.print(line, highlight=False)


def print_backend(name: str, plugins: tuple[str, ...], device: str) -> None:
    """Print one backend with its options, their values, and what each is for."""
    (entry,) = find_backends(plugins).demand(plugins).select([name])
    found = availabilities([entry], "cuda" if device == "cuda" else "cpu")[name]
    console = plain_console()
    state = f" {found.version}" if isinstance(found, Available) else f" is unavailable: {found.reason}"
    console.print(Text(name, style="bold").append(state, style="default"), highlight=False)
    console.print(entry.backend.summary, highlight=False)
    console.print(f"supports: {supports_text(entry.backend.supported)}", highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("option", "values", "default", "meaning"):
        table.add_column(column, no_wrap=column == "option")
    for option in entry.backend.options:
        values = ", ".join(option.choices) or "a whole number from 1"
        table.add_row(option.name, values, str(option.default), option.meaning)
    table.add_row("threads", "a whole number from 1", "that of the run", OPTIONS_OF_HOST["threads"])
    table.add_row("allocator", "default, tuned", "that of the run", OPTIONS_OF_HOST["allocator"])
    console.print()
    print_whole(table, console)
    shown = next((f"{each.name}={each.choices[-1]}" for each in entry.backend.options if each.choices), "threads=1")
    console.print(f"\nconvbench compare --backends {name} --entrant other={name}:{shown}", highlight=False)


def supports_text(supports: Supports) -> str:
    """What a backend declares, where it is less than everything, in the names of the fields of Supports."""
    values = {field.name: getattr(supports, field.name) for field in fields(Supports)}
    less = {name: value for name, value in values.items() if value != getattr(Supports(), name)}
    listed = [f"{name} {', '.join(map(str, value))}" for name, value in less.items() if isinstance(value, tuple)]
    without = [name for name, value in less.items() if value is False]
    return "; ".join([*listed, *([f"not {', '.join(without)}"] if without else [])]) or "every case"


def print_workloads(plugins: tuple[str, ...]) -> None:
    """Print the shipped workloads and those of plug-ins, with their titles."""
    console = plain_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("workload", "cases", "title"):
        table.add_column(name, no_wrap=name != "title")
    others = find_backends(plugins).demand(plugins).workloads
    for name in (*shipped_workloads(), *others):
        workload = load_workload(name, others)
        table.add_row(name, str(len(workload.layers)), workload.title)
    print_whole(table, console)


def print_workload(name: str, batch_size: int, plugins: tuple[str, ...]) -> None:
    """Print one workload as a layer table that is as wide as the terminal."""
    if batch_size < 1:
        raise UsageError(f"batch size must be at least 1, not {batch_size}")
    console = plain_console()
    registry = find_backends(plugins).demand(plugins)
    if names_model(name, registry):
        hint = f"convbench extract {name} --input 3,224,224 --output model.toml"
        raise UsageError(f"{name} looks like a model: make a workload of it first, such as by {hint}")
    workload = load_workload(name, registry.workloads)
    table = layer_table(workload, batch_size=batch_size)
    bold, faint = ("\x1b[1m{}\x1b[0m".format, "\x1b[2m{}\x1b[0m".format) if console.is_terminal else (str, str)
    click.echo(render_layer_table(table, width=console.width, heading=bold, note=faint))
