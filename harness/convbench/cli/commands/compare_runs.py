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
@click.option("--left", help="Entrant of the run BASE to compare with.")
@click.option("--right", help="Entrant of the run BASE that is compared with --left.")
@click.option("--fail-above", type=PerCent(), help="Per cent by which a cell may become slower. Default: 5.")
@click.option(
    "--thresholds",
    type=click.Path(path_type=Path),
    help='TOML file with margins of single cases, such as "conv*" = 10 in its table [cases].',
)
@click.option("--changed", multiple=True, help="Backend whose code changed although its version did not. Repeatable.")
@click.option(
    "--force", is_flag=True, help="Compare even runs of different machines or settings, and interrupted runs."
)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", help="Format of the output. Default: table."
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Also write an HTML page to this file (FILE.html) or folder."
)
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
    """Show what became slower, wrong or larger between two runs, or two entrants of one run.

    BASE and NEW are folders of runs. Two entrants of one run (--left and --right) took turns on the same machine, so
    comparing them is more reliable; use this in CI. The exit code is 1 if something is surely slower than its margin
    allows, needs more memory, or was right and is not right any more. Otherwise it is 0, even if nothing can be
    decided.

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
@click.option(
    "--output", type=click.Path(path_type=Path), help="File (FILE.html) or folder for the page. Default: FOLDER."
)
def history(folder: Path, output: Path | None) -> None:
    """Show how the times of all runs below FOLDER changed.

    Runs of different machines or settings are shown separately. The page history.html has one line for each cell and
    marks the steps.

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
