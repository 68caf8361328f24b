"""What Ctrl-C leaves on the terminal: where the run is, and the commands that go on with it or show it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from convbench.text.commands import command_lines

MANY_COLUMNS = 10_000


def print_interrupted(command: str, folder: Path, width: int | None = None) -> None:
    """Print it on standard error; `width` is that of the terminal, in columns."""
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stderr.isatty() else MANY_COLUMNS
    click.echo("\ninterrupted; what was measured is in", err=True)
    click.echo(str(folder), err=True)
    for what, words in (("go on:", [command, "--resume", str(folder)]), ("see it:", ["report", str(folder)])):
        click.echo(what, err=True)
        for line in command_lines(shlex.join(["convbench", *words]), width):
            click.echo(line, err=True)
