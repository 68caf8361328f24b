"""Types of options, and the options that compare and check share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

INPUT_HELP = "The shape of one instance for a model, channels first: 3,224,224; once for each of its inputs."
ENTRANT_HELP = "A backend under a name of its own: NAME=BACKEND[:OPTION=VALUE,...][@PYTHON]; repeatable."


class Numbers(click.ParamType[tuple[int, ...]]):
    """Numbers separated by commas: 1,8,32."""

    name = "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers in a text."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} must be whole numbers separated by commas, such as 1,8,32", param, ctx)


class Shape(click.ParamType[tuple[int, ...]]):
    """The shape of an input without the batch: 3,224,224."""

    name = "C[,H],W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers in a text."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            sizes = ()
        if not 2 <= len(sizes) <= 4 or min(sizes) < 1:
            self.fail(f"{value!r} must be channels,height,width or channels,width, such as 3,224,224", param, ctx)
        return sizes


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas; one that holds a comma stands in double quotes, as in a CSV file."""

    name = "NAME[,NAME...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names in a text."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(part for row in csv.reader([str(value)]) for part in row if part)
        except csv.Error as error:
            self.fail(f"{value!r}: {error}; write 'one,\"two, with a comma\"'", param, ctx)


class Size(click.ParamType[int]):
    """Bytes: 2GB, 512MB, 1.5GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes that a text stands for."""
        from convbench.text.units import parse_bytes  # noqa: PLC0415

        try:
            return value if isinstance(value, int) else parse_bytes(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class FolderPath(click.Path):
    """The path of a folder; an empty text, as an unset variable of a shell leaves it, is none."""

    name = "folder"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; the usage error where it is empty or holds a NUL byte."""
        if not str(value) or "\0" in str(value):
            self.fail("the name of a folder is missing", param, ctx)
        return super().convert(value, param, ctx)


class PerCent(click.ParamType[float]):
    """A share in per cent: 5, 7.5 or 5%."""

    name = "PERCENT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share that a text stands for: 0.05 for 5."""
        if isinstance(value, float):
            return value
        try:
            per_cent = float(str(value).removesuffix("%"))
        except ValueError:
            per_cent = -1.0
        if not 0 <= per_cent <= 1000:
            self.fail(f"{value!r} must be per cents from 0 to 1000, such as 5 or 5%", param, ctx)
        return per_cent / 100


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that compare and check share."""
    options = [
        click.argument("workloads", nargs=-1),
        click.option("--input", "inputs", type=Shape(), multiple=True, help=INPUT_HELP),
        click.option("--backends", type=Names(), help="Only these; default: all that are available."),
        click.option("--entrant", "entrants", multiple=True, help=ENTRANT_HELP),
        click.option("--against", help="Another interpreter: each chosen backend also takes part as installed there."),
        click.option("--batch-sizes", type=Numbers(), help="Default: 1,32."),
        click.option("--passes", type=Names(), help="Of forward, backward, both; default: all."),
        click.option("--dtypes", type=Names(), help="float32, float64, ...; default: as the workload says."),
        click.option("--cases", type=Names(), help='Only these cases of the workloads; "a, b" in quotes is one name.'),
        click.option("--case", help="One case in place of workloads: an inline TOML table, as failures print it."),
        click.option("--device", help="cpu (default) or cuda."),
        click.option("--threads", type=int, help="The same for all backends; default: all cores."),
        click.option("--seed", type=int, help="Of the random data and the order of turns; default: 0."),
        click.option("--budget", "budget_s", type=float, help="Seconds that a cell may cost; slower ones are skipped."),
        click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed; default: 60."),
        click.option("--machine", metavar="NAME", help="What results call this machine; default: its host name."),
        click.option("--output", type=FolderPath(), help="Folder of the run; default: results/run-DATE."),
        click.option("--resume", type=FolderPath(), help="Go on with a run that was killed: its folder."),
        click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def wants_tracebacks() -> bool:
    """Whether the call has --debug."""
    return bool(click.get_current_context().find_root().params["debug"])
