"""fuzz."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WRONG
from convbench.cli.options import FolderPath, Names


@click.command()
@click.option("--time", "time_s", type=float, help="Seconds to search. Default: 60, or no limit with --count.")
@click.option(
    "--count", type=int, help="Number of cases to examine. With --time, the search ends at whichever comes first."
)
@click.option("--backends", type=Names(), help="Check only these backends. Default: all that are available.")
@click.option("--dtypes", type=Names(), help="Dtypes of the cases. Default: float32,float64.")
@click.option("--data", type=Names(), help="Further kinds of data, as for check. Default: all.")
@click.option("--device", help="Device to compute on: cpu or cuda. Default: cpu.")
@click.option("--threads", type=int, help="Threads of every backend. Default: all cores.")
@click.option("--seed", type=int, help="Seed of the cases and their data. Default: 0.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed. Default: 60.")
@click.option("--output", type=FolderPath(), help="Folder for the findings. Default: results/fuzz-DATE-TIME.")
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the backends of this module or .py file. Repeatable."
)
def fuzz(time_s: float | None, count: int | None, output: Path | None, **options: Any) -> None:
    """Check backends on random cases.

    The cases cover everything that convbench can express and that the backends declare to support. A case that a
    backend gets wrong is reduced to the smallest case that is still wrong, and is written as a workload file. This
    command needs Hypothesis: pip install "convbench[fuzz]".

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
        click.echo("\ninterrupted; the findings so far were written", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if not is_right:
        sys.exit(EXIT_WRONG)
