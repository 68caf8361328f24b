"""fuzz."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WRONG
from convbench.cli.options import FolderPath, Names


@click.command()
@click.option("--time", "time_s", type=float, help="Seconds to search; default: 60, or no limit with --count.")
@click.option("--count", type=int, help="Cases to examine; with --time whichever ends first.")
@click.option("--backends", type=Names(), help="Only these; default: all that are available.")
@click.option("--dtypes", type=Names(), help="Default: float32,float64.")
@click.option("--data", type=Names(), help="Further kinds of data, as for check; default: all.")
@click.option("--device", help="cpu (default) or cuda.")
@click.option("--threads", type=int, help="The same for all backends; default: all cores.")
@click.option("--seed", type=int, help="Of the cases and their data; default: 0.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed; default: 60.")
@click.option("--output", type=FolderPath(), help="Folder for what is found; default: results/fuzz-DATE.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
def fuzz(time_s: float | None, count: int | None, output: Path | None, **options: Any) -> None:
    """Check backends on random cases.

    Cases come from the whole of what convbench knows. What a backend gets wrong is shrunk to its smallest case and
    written as a workload file. Needs hypothesis: pip install "convbench[fuzz]".

    \b
    Examples:
      convbench fuzz
      convbench fuzz --count 2000 --backends pytorch,jax --seed 1
      convbench fuzz --time 600 --plugin ./my_backend.py --backends mine
    """
    from convbench.cli.fuzz import run_fuzz  # noqa: PLC0415

    try:
        is_right = run_fuzz(time_s, count, output, options)
    except KeyboardInterrupt:
        click.echo("\ninterrupted; what was found is written", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if not is_right:
        sys.exit(EXIT_WRONG)
