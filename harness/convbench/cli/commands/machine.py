"""doctor and limits: what this machine is like."""

from __future__ import annotations

from typing import Any

import click

from convbench.cli.options import FolderPath, Names, Numbers


@click.command()
@click.option("--threads", type=int, help="Threads that your runs will use. Default: all cores.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--self-test",
    "with_self_test",
    is_flag=True,
    help="Also compare one backend with itself, to find the smallest difference that this machine can detect.",
)
@click.option("--backend", help="Backend of the self-test. Default: the first that is available and quick.")
@click.option(
    "--against", help="Take the second of the two from this other Python environment, which has the same versions."
)
@click.option("--output", type=FolderPath(), help="Keep the run of the self-test in this folder.")
def doctor(threads: int | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  # as above
    """Find out what would disturb measurements on this machine, and what to do about it.

    The self-test measures the noise floor of this machine: the difference between two measurements of the same code.
    From then on, smaller differences get no verdict. The self-test takes a few minutes.

    \b
    Examples:
      convbench doctor
      convbench doctor --json
      convbench doctor --self-test --threads 1
    """
    from convbench.cli.doctor import run_doctor  # noqa: PLC0415

    run_doctor(threads, as_json=as_json, **options)


@click.command()
@click.option("--threads", type=Numbers(), help="Numbers of threads to measure with. Default: all cores.")
@click.option("--dtypes", type=Names(), help="Dtypes to measure with. Default: float32.")
@click.option("--device", default="cpu", help="Device to measure: cpu or cuda. Default: cpu.")
@click.option("--again", is_flag=True, help="Measure again what is already known.")
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the backends of this module or .py file. Repeatable."
)
def limits(threads: tuple[int, ...] | None, dtypes: tuple[str, ...] | None, **options: Any) -> None:
    """Show the highest arithmetic rate and memory bandwidth that this machine reaches.

    They are measured with every installed backend and stored. Later runs show which share of them each cell reaches.

    \b
    Examples:
      convbench limits
      convbench limits --threads 1,2 --dtypes float32,float64
      convbench limits --again
    """
    from convbench.cli.limits import run_limits  # noqa: PLC0415

    run_limits(threads or (), dtypes=dtypes, **options)
