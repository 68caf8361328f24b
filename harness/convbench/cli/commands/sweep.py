"""sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from convbench.cli.options import FolderPath, Names


@click.command()
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@click.option("--output", type=FolderPath(), help="Folder of the sweep; default: results/sweep-DATE.")
@click.option("--resume", type=FolderPath(), help="Go on with a sweep: its folder. Only what is missing is measured.")
@click.option("--list", "only_list", is_flag=True, help="Show the jobs of the plan, and measure nothing.")
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of a dask cluster: tcp://HOST:PORT.")
@click.option("--ssh", type=Names(), metavar="HOST[,HOST...]", help="Start a worker on each host.")
@click.option("--ssh-python", metavar="PYTHON", help="The interpreter on these hosts; default: the path of this one.")
@click.option("--slurm", type=click.Path(path_type=Path), metavar="FILE", help="Ask Slurm for machines; see below.")
@click.option("--pbs", type=click.Path(path_type=Path), metavar="FILE", help="Ask PBS for machines.")
@click.option("--lsf", type=click.Path(path_type=Path), metavar="FILE", help="Ask LSF for machines.")
@click.option("--kind", metavar="NAME", help="Which kind of the plan's machines this one is, where there is no engine.")
@click.option("--any-versions", is_flag=True, help="Also use machines whose packages differ from the plan's.")
@click.option("--wait", "wait_s", type=float, help="Seconds to wait for a kind of machine that is not there.")
def sweep(plan: Path | None, **options: Any) -> None:
    """Measure a whole plan, on this machine or on many.

    PLAN is a TOML file: workloads, settings, settings that vary, and kinds of machine. Each combination is a job, and
    each job is one `convbench compare`. Without --scheduler, --ssh or a queue the jobs run here, one after the other.
    A machine has one job at a time. What was killed goes on with --resume. The file for a queue has a table for each
    kind of machine, such as [machine] with memory = "8GB". See docs/sweep.md.

    \b
    Examples:
      convbench sweep plan.toml --list
      convbench sweep plan.toml --output results/processors
      convbench sweep plan.toml --scheduler tcp://192.168.1.10:8786
      convbench sweep plan.toml --ssh bench1,bench2
      convbench sweep plan.toml --slurm cluster.toml
      convbench sweep --resume results/processors --scheduler tcp://192.168.1.10:8786
    """
    from convbench.cli.sweep import run_sweep  # noqa: PLC0415

    run_sweep(plan, **options)
