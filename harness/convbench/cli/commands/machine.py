"""doctor and limits: what this machine is like."""

from __future__ import annotations

from typing import Any

import click

from convbench.cli.options import FolderPath, Names, Numbers


@click.command()
@click.option("--threads", type=int, help="That runs will ask for; default: all cores.")
@click.option("--json", "as_json", is_flag=True, help="The findings for machines.")
@click.option(
    "--self-test",
    "with_self_test",
    is_flag=True,
    help="Also enter one backend twice, and see how often it differs from itself.",
)
@click.option("--backend", help="Of the self-test; default: the first that is available and quick.")
@click.option("--against", help="Another interpreter with the same versions, for the second of the two.")
@click.option("--output", type=FolderPath(), help="Folder that keeps the run of the self-test.")
def doctor(threads: int | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  # as above
    """Show what would spoil numbers on this machine, and what to do about it.

    The self-test measures this machine's floor: how far two runs of the same code differ. Verdicts keep that distance
    from then on. It takes a few minutes.

    \b
    Examples:
      convbench doctor
      convbench doctor --json
      convbench doctor --self-test --threads 1
    """
    from convbench.cli.doctor import run_doctor  # noqa: PLC0415

    run_doctor(threads, as_json=as_json, **options)


@click.command()
@click.option("--threads", type=Numbers(), help="One number or several; default: all cores.")
@click.option("--dtypes", type=Names(), help="Default: float32.")
@click.option("--device", default="cpu", help="cpu (default) or cuda.")
@click.option("--again", is_flag=True, help="Measure even what is known.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
def limits(threads: tuple[int, ...] | None, dtypes: tuple[str, ...] | None, **options: Any) -> None:
    """Show what this machine reaches at most: arithmetic and memory.

    It is measured with every backend that is installed, and kept for later runs, which hold their cells against it.

    \b
    Examples:
      convbench limits
      convbench limits --threads 1,2 --dtypes float32,float64
      convbench limits --again
    """
    from convbench.cli.limits import run_limits  # noqa: PLC0415

    run_limits(threads or (), dtypes=dtypes, **options)
