"""diff and history."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from convbench.cli.exit_codes import EXIT_WRONG
from convbench.cli.options import PerCent

FORMATS = ("table", "markdown", "json")


@click.command()
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", required=False, type=click.Path(path_type=Path))
@click.option("--left", help="Of one run: the entrant that is the base.")
@click.option("--right", help="Of one run: the entrant that is compared with it.")
@click.option("--fail-above", type=PerCent(), help="By how many per cent a cell may become slower; default: 5.")
@click.option(
    "--thresholds", type=click.Path(path_type=Path), help='A TOML file with other margins: [cases], "conv*" = 10.'
)
@click.option("--changed", multiple=True, help="A backend whose code changed under the same version; repeatable.")
@click.option("--force", is_flag=True, help="Compare runs of different machines or settings, and interrupted ones.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", help="What to print; default: table.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write an HTML page: FILE.html, or a folder.")
def diff(  # noqa: PLR0917  # a parameter for each option
    base: Path,
    new: Path | None,
    left: str | None,
    right: str | None,
    fail_above: float | None,
    thresholds: Path | None,
    changed: tuple[str, ...],
    force: bool,  # noqa: FBT001  # click hands flags over by name
    format_: str,
    output: Path | None,
) -> None:
    """Compare two runs, or two entrants of one run: what became slower, wrong, or larger.

    BASE and NEW are folders of runs. Two entrants of one run, --left and --right, took turns: that is the surer way,
    and the one for CI. Exits with 1 where something is surely slower beyond its margin, needs more memory, or was right
    and no longer is; with 0 else, also where nothing can be told.

    \b
    Examples:
      convbench compare lenet5 --against /envs/old/bin/python --output results/both
      convbench diff results/both --left pytorch-base --right pytorch
      convbench diff results/monday results/tuesday --fail-above 10
      convbench diff results/monday results/tuesday --format markdown --output diff.html
    """
    from convbench.results.diff import diff as compare_sides  # noqa: PLC0415

    found = compare_sides(
        base, new, left=left, right=right, fail_above=fail_above, thresholds=thresholds, changed=changed, force=force
    )
    written = None
    if output is not None:
        from convbench.report.diff.page import render_diff  # noqa: PLC0415
        from convbench.report.pages.writing import write_page  # noqa: PLC0415

        written = write_page(render_diff(found), output, "diff.html")
    if format_ == "json":
        from convbench.report.diff.as_json import diff_json  # noqa: PLC0415

        click.echo(diff_json(found))
    elif format_ == "markdown":
        from convbench.report.diff.markdown import diff_markdown  # noqa: PLC0415

        click.echo(diff_markdown(found), nl=False)
    else:
        from convbench.report.diff.terminal import print_diff  # noqa: PLC0415

        print_diff(found)
    if written is not None:
        click.echo(str(written), err=format_ != "table")
    if found.has_failed:
        sys.exit(EXIT_WRONG)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="The page: FILE.html or a folder; default: FOLDER.")
def history(folder: Path, output: Path | None) -> None:
    """Show all runs below FOLDER over time, with the steps in their times.

    Runs of different machines or settings are kept apart. The page history.html has a line for each cell.

    \b
    Examples:
      convbench history results
      convbench history results --output public/history.html
    """
    from convbench.report.history.page import render_history  # noqa: PLC0415
    from convbench.report.history.terminal import print_history  # noqa: PLC0415
    from convbench.report.pages.writing import write_page  # noqa: PLC0415
    from convbench.results.history import history as read_history  # noqa: PLC0415

    found = read_history(folder)
    written = write_page(render_history(found), output or folder, "history.html")
    print_history(found)
    click.echo(str(written))
