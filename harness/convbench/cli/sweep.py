"""Runs a sweep on the terminal: its jobs, what happens to them, and in the end what is missing and how to go on."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WRONG
from convbench.errors import UsageError
from convbench.sweep.conductor import Pace
from convbench.sweep.engines.clusters import Starting, at_scheduler, by_ssh, in_queue
from convbench.sweep.engines.dask_engine import NANNY_VARIABLES
from convbench.sweep.engines.engine import Engine
from convbench.sweep.engines.here import HereEngine
from convbench.sweep.engines.queue_config import System, read_queue_config
from convbench.sweep.plan.file import read_plan
from convbench.sweep.plan.jobs import Job, jobs_of
from convbench.sweep.state import LOGS, RUNS, SweepFolder, kinds_of
from convbench.sweep.sweeping import Swept, Way, begin_sweep, go_on_with
from convbench.text.commands import command_lines

WIDEST = 10_000
QUEUE_WAIT_S = 7 * 24 * 3600.0
"""A queue may take days; until then its machines are awaited."""


def run_sweep(
    plan: Path | None,
    *,
    output: Path | None,
    resume: Path | None,
    only_list: bool,
    any_versions: bool,
    wait_s: float | None,
    kind: str | None,
    ssh_python: str | None,
    scheduler: str | None,
    ssh: tuple[str, ...] | None,
    **queues: Path | None,
) -> None:
    """Begin the sweep of a plan or go on with that of a folder; exits with 1 where a run is missing or wrong."""
    if (plan is None) == (resume is None):
        raise UsageError("name a plan, or the folder of a sweep to go on with: --resume FOLDER; one of the two")
    if resume is not None and (output is not None or any_versions):
        raise UsageError("--resume goes on as the sweep was begun: leave out --output and --any-versions")
    if plan is not None and only_list:
        _list(jobs_of(read_plan(plan)))
        return
    chosen = {"scheduler": scheduler, "ssh": ssh, **queues}
    way = _way(chosen, kind, wait_s, ssh_python)
    if plan is not None:
        folder = begin_sweep(read_plan(plan), output, any_versions=any_versions)
    else:
        assert resume is not None
        folder = SweepFolder.open(resume)
    if only_list:
        _list(folder.missing())
        return
    again = _resuming(folder.path, chosen, kind, wait_s, ssh_python)
    jobs, missing = folder.sweep.jobs, folder.missing()
    click.echo(f"{_counted(len(jobs), 'job')}, {len(jobs) - len(missing)} done: {folder.path}", err=True)
    try:
        swept = go_on_with(folder, way, lambda text: click.echo(text, err=True))
    except KeyboardInterrupt:
        click.echo("\ninterrupted; what was measured is kept", err=True)
        _print_command("go on:", again, err=True)
        sys.exit(EXIT_INTERRUPTED)
    except (UsageError, OSError):
        _print_command("nothing that was measured is lost; go on:", again, err=True)
        raise
    finally:
        folder.close()
    _print_result(swept, again)
    if swept.missing or swept.wrong:
        sys.exit(EXIT_WRONG)


def _way(chosen: Mapping[str, object], kind: str | None, wait_s: float | None, ssh_python: str | None) -> Way:
    """How machines are reached, as the options say."""
    named = [name for name, value in chosen.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"machines are reached in one way: leave out --{' or --'.join(named[1:])}")
    if ssh_python is not None and named != ["ssh"]:
        raise UsageError("--ssh-python is for --ssh")
    if not named:
        return Way(engine=_here(kind), pace=Pace(machine_s=0.0))
    if kind is not None:
        raise UsageError(f"--kind says what this machine is, and --{named[0]} uses others: leave out one of them")
    (name,) = named
    starting: Starting
    usual_s = Pace().machine_s
    if name == "scheduler":
        starting = at_scheduler(str(chosen[name]))
    elif name == "ssh":
        hosts = chosen[name]
        assert isinstance(hosts, tuple)
        starting = by_ssh(hosts, ssh_python)
    else:
        system: System = "slurm" if name == "slurm" else "pbs" if name == "pbs" else "lsf"
        starting, usual_s = in_queue(system, read_queue_config(Path(str(chosen[name])), system)), QUEUE_WAIT_S
    pace = Pace(machine_s=usual_s if wait_s is None else wait_s)
    return Way(engine=starting, pace=pace, dropped_variables=NANNY_VARIABLES)


def _here(kind: str | None) -> Starting:
    """This computer, which is of the kind that its user says, or of the only kind that there is."""

    async def start(kinds: Sequence[str]) -> Engine:
        if kind is not None:
            return HereEngine([kind])
        if len(kinds) > 1:
            raise UsageError(
                f"the plan has machines of the kinds {', '.join(kinds)}: say which this one is: --kind NAME"
            )
        return HereEngine(kinds)

    return start


def _list(jobs: Sequence[Job]) -> None:
    for job in jobs:
        click.echo(shlex.join(["convbench", "compare", *job.arguments]))
    click.echo(f"{_counted(len(jobs), 'job')} for machines of kind {', '.join(kinds_of(jobs))}", err=True)


def _print_result(swept: Swept, again: Sequence[str]) -> None:
    total = len(swept.made) + len(swept.missing)
    for job, reason in swept.missing:
        click.echo(f"missing: {job.label}: {reason}")
        printed = swept.folder / LOGS / f"{job.id}.txt"
        if printed.exists():
            click.echo(f"  what it printed: {printed}")
    for made in swept.wrong:
        click.echo(f"wrong: a backend is wrong or failed in {swept.folder / RUNS / made.job}")
    click.echo(f"{len(swept.made)} of {_counted(total, 'job')} done: {swept.folder / RUNS}")
    if swept.missing:
        _print_command("go on:", again)
    elif swept.made:
        _print_command("see them:", ["convbench", "history", str(swept.folder / RUNS)])


def _resuming(
    folder: Path, chosen: Mapping[str, object], kind: str | None, wait_s: float | None, ssh_python: str | None
) -> list[str]:
    """The command that goes on, over the same machines."""
    words = ["convbench", "sweep", "--resume", str(folder)]
    options = {**chosen, "kind": kind, "wait": wait_s, "ssh-python": ssh_python}
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", ",".join(value) if isinstance(value, tuple) else str(value)]
    return words


def _print_command(what: str, words: Sequence[str], *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else WIDEST
    click.echo(what, err=err)
    for line in command_lines(shlex.join(words), width):
        click.echo(line, err=err)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
