"""What `convbench export` prints."""

from __future__ import annotations

from pathlib import Path

import click

from convbench.errors import UsageError
from convbench.report.export import export, format_named
from convbench.report.export.cells import left_out
from convbench.results.loading import load_run


def export_run(folder: Path, name: str, output: Path | None) -> None:
    """Write the run in a folder in the format of that name, and say on stderr what has no place in it."""
    chosen = format_named(name)
    if output is None and not chosen.is_text:
        raise UsageError(f"{name} is no text: name the file with --output")
    run = load_run(folder)
    made = export(run, name, output)
    if output is None:
        click.echo(made.encode() if isinstance(made, str) else made, nl=False)  # UTF-8 whatever the terminal has
    if chosen.of_times and (missing := left_out(run)):
        click.echo(f"left out, as only right cells that were timed have a place in {name}: {missing}", err=True)
