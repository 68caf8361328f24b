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
    required=True,
    shell_complete=_complete,
    help="pytest-benchmark, pyperf, bencher, github-action, markdown, latex, junit or parquet.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write; default: the terminal.")
def export(run: Path, format_name: str, output: Path | None) -> None:
    """Write RUN in the format of another tool.

    Formats with times hold right cells only; how many cells they leave out is told. A file that exists is replaced, but
    Markdown is added to the end of the file that GITHUB_STEP_SUMMARY names.

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
    """
    from convbench.cli.export import export_run  # noqa: PLC0415

    export_run(run, format_name, output)
