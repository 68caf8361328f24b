"""report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convbench.cli.options import FolderPath, per_option, wants_tracebacks

if TYPE_CHECKING:
    from convbench.report.views.batch_sizes_text import Per


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FolderPath())
@click.option("--output", type=FolderPath(), help="Folder for the files. Default: that of the first run.")
@per_option
def report(runs: tuple[Path, ...], output: Path | None, per: Per) -> None:
    """Write the CSV files and the page of RUNS again.

    Several runs are shown side by side on one page. Each run is judged by itself.
    Those of a training are training.csv and training.html.

    \b
    Examples:
      convbench report results/run-20261120-120000
      convbench report laptop/ server/ --output both/
    """
    from convbench.cli.train import report_training  # noqa: PLC0415

    if len(runs) == 1 and report_training(runs[0], output):
        return
    from convbench.report.files import write_reports  # noqa: PLC0415
    from convbench.report.terminal import print_run, print_runs  # noqa: PLC0415
    from convbench.results.runs import load_runs  # noqa: PLC0415

    loaded = load_runs(runs)
    write_reports(loaded.runs, output or runs[0])
    if len(loaded) > 1:
        print_runs(loaded, folder=output or runs[0])
    else:
        print_run(loaded.runs[0], folder=output, tracebacks=wants_tracebacks(), per=per)
