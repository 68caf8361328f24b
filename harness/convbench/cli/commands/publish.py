"""publish."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from convbench.cli.options import FolderPath

MOST_LINES = 5
"""Lines on what is left out that the terminal shows; the site has all."""


@click.command()
@click.argument("folder", type=FolderPath())
@click.option("--output", type=FolderPath(), required=True, help="Folder for the site, which may be there.")
def publish(folder: Path, output: Path) -> None:
    """Make a static site of all runs below FOLDER, of one machine or many.

    It has a page for each machine with its latest runs and its history, a page for each case with each backend on each
    machine, a search, and the cells of all runs as one CSV file (and as Parquet where pyarrow is installed). It opens
    from a file and from any static host, without a network. Runs that are damaged or interrupted are left out and
    named.

    \b
    Examples:
      convbench publish results --output site
      convbench publish /shared/sweeps --output public
    """
    from convbench.report.site import publish as write_site  # noqa: PLC0415

    if sys.stderr.isatty():
        with click.progressbar(length=0, label="reading runs", file=sys.stderr) as bar:

            def tell(done: int, in_all: int) -> None:
                bar.length = in_all
                bar.update(done - bar.pos)

            published = write_site(folder, output, progress=tell)
    else:
        published = write_site(folder, output)
    for line in published.left_out[:MOST_LINES]:
        click.echo(f"left out: {line}")
    if len(published.left_out) > MOST_LINES:
        click.echo(f"... and {len(published.left_out) - MOST_LINES} more, all on the first page")
    counts = (("run", published.runs), ("machine", published.machines), ("case", published.cases))
    click.echo(", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for name, number in counts))
    click.echo(str(published.page))
