"""What `convbench export` prints."""

from __future__ import annotations

from pathlib import Path

import click

from convbench.errors import UsageError, unknown_name
from convbench.report.export import export, format_named
from convbench.report.export.cells import left_out
from convbench.report.shown.run import load_run

FIGURES = ("time", "memory", "roofline")


def export_run(folder: Path, name: str, output: Path | None) -> None:
    """Write the run in a folder in the format of that name, and say on stderr what has no place in it."""
    chosen = format_named(name)
    if output is None and not chosen.is_text:
        raise UsageError(f"{name} is a binary format: name the file to write with --output")
    run = load_run(folder)
    made = export(run, name, output)
    if output is None:
        click.echo(made.encode() if isinstance(made, str) else made, nl=False)  # UTF-8 whatever the terminal has
    if chosen.of_times and (missing := left_out(run)):
        click.echo(f"{name} contains only right cells that were timed; left out: {missing}", err=True)


def export_figure(folder: Path, name: str, *, case: str | None, pass_name: str | None, output: Path | None) -> None:
    """Write a figure of the run in a folder to a file, as its ending says."""
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    if output is None:
        raise UsageError(f"a figure needs a file: add --output {name}.svg")
    plot = load_run(folder).plot
    if name == "roofline":
        if case is not None:
            raise UsageError("a roofline shows all cases: leave out --case")
        plot.roofline(pass_name=pass_name).save(output)
    else:
        (plot.time if name == "time" else plot.memory)(case, pass_name=pass_name).save(output)
