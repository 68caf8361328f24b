"""export."""

from __future__ import annotations

from pathlib import Path

import click


def _complete(context: click.Context, parameter: click.Parameter, begin: str) -> list[str]:  # noqa: ARG001
    """The formats whose name begins so, for the shell that completes it."""
    from convbench.report.export import FORMATS  # noqa: PLC0415

    return [name for name in FORMATS if name.startswith(begin)]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    shell_complete=_complete,
    help="Format to write: pytest-benchmark, pyperf, bencher, github-action, markdown, latex, junit or parquet.",
)
@click.option(
    "--figure",
    help="Figure to draw instead: time, memory or roofline. The ending of --output decides: .svg, .pdf or .png.",
)
@click.option("--case", help="Case of a figure of time or memory. A run of one case does not need it.")
@click.option(
    "--pass", "pass_name", help="Pass of a figure. Default: the first of forward, backward and both that was measured."
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write. Default: the terminal.")
def export(
    run: Path,
    *,
    format_name: str | None,
    figure: str | None,
    case: str | None,
    pass_name: str | None,
    output: Path | None,
) -> None:
    """Write RUN in the format of another tool, or draw a figure of it.

    Formats with times contain only cells with right results; the number of other cells is printed. An existing file is
    replaced, except for Markdown in the file that GITHUB_STEP_SUMMARY names: there it is appended.

    \b
    Examples:
      convbench export RUN --format pytest-benchmark --output new.json
      pytest-benchmark compare old.json new.json
      convbench export RUN --format pyperf --output new.json
      python -m pyperf compare_to old.json new.json
      convbench export RUN --format markdown --output "$GITHUB_STEP_SUMMARY"
      convbench export RUN --format junit --output checks.xml
      convbench export RUN --format latex > table.tex
      convbench export RUN --format parquet --output run.parquet
      convbench export RUN --figure time --case conv1 --output conv1.pdf
      convbench export RUN --figure roofline --output roofline.svg
    """
    from convbench.cli.export import export_figure, export_run  # noqa: PLC0415
    from convbench.errors import UsageError  # noqa: PLC0415

    if (format_name is None) == (figure is None):
        raise UsageError("choose what to write: either --format or --figure")
    if figure is not None:
        export_figure(run, figure, case=case, pass_name=pass_name, output=output)
    elif case is not None or pass_name is not None:
        raise UsageError("--case and --pass belong to --figure: add it, or leave them out")
    else:
        export_run(run, str(format_name), output)
