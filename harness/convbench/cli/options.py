"""Types of options, and the options that compare and check share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from convbench.cli.completion.values import DEVICES, complete_list, complete_words, complete_workload

INPUT_HELP = "Shape of one instance of a model's input, channels first, such as 3,224,224. Repeat it for each input."
ENTRANT_HELP = (
    "Enter a backend under another name, with options or from another Python: "
    "NAME=BACKEND[:OPTION=VALUE,...][@PYTHON]. Repeatable."
)


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

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The names that the parameter takes, by its own name."""
        return complete_list(ctx, param, incomplete)


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
        click.argument("workloads", nargs=-1, shell_complete=complete_workload),
        click.option("--input", "inputs", type=Shape(), multiple=True, help=INPUT_HELP),
        click.option("--backends", type=Names(), help="Run only these backends. Default: all that are available."),
        click.option("--entrant", "entrants", multiple=True, help=ENTRANT_HELP),
        click.option(
            "--against", help="Enter each chosen backend a second time, as this other Python environment has it."
        ),
        click.option(
            "--batch-sizes", type=Numbers(), help="Batch sizes to run. Default: 1,4,16,64 for compare, 1,32 for check."
        ),
        click.option(
            "--passes",
            type=Names(),
            help="Run only these passes: forward, backward, both. Default: all, or the first two in a quick run.",
        ),
        click.option(
            "--dtypes",
            type=Names(),
            help="Use these dtypes: float32, float64, float16, bfloat16. Default: those of the workload.",
        ),
        click.option(
            "--cases", type=Names(), help="Run only these cases of the workloads. Quote a name that contains a comma."
        ),
        click.option(
            "--case", help="Run this one case instead of workloads. It is an inline TOML table, as failures print it."
        ),
        click.option(
            "--device",
            shell_complete=complete_words(*DEVICES),
            help="Device to compute on: cpu or cuda. Default: cpu.",
        ),
        click.option("--threads", type=int, help="Threads of every backend. Default: all cores."),
        click.option("--seed", type=int, help="Seed of the random data and of the order of turns. Default: 0."),
        click.option(
            "--budget", "budget_s", type=float, help="Seconds that one cell may cost. Slower cells are skipped."
        ),
        click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed. Default: 60."),
        click.option("--machine", metavar="NAME", help="Name of this machine in the results. Default: its host name."),
        click.option("--output", type=FolderPath(), help="Folder for the run. Default: results/run-DATE-TIME."),
        click.option(
            "--resume", type=FolderPath(), help="Continue the run in this folder, which was killed or interrupted."
        ),
        click.option(
            "--plugin", "plugins", multiple=True, help="Also load the backends of this module or .py file. Repeatable."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


per_option = click.option(
    "--per",
    type=click.Choice(["call", "image"]),
    default="call",
    help="What to show over the batch sizes: the time per call, or the images per second. Default: call.",
)
"""What the terminal shows over batch sizes."""


def wants_tracebacks() -> bool:
    """Whether the call has --debug."""
    return bool(click.get_current_context().find_root().params["debug"])
