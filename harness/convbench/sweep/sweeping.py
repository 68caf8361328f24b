"""Begins a sweep, or goes on with one, and tells what became of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convbench.errors import UsageError
from convbench.machine.facts import package_versions
from convbench.plan.entrants import Entrant
from convbench.run.folders import new_folder
from convbench.sweep.conductor import Conductor, Pace
from convbench.sweep.engines.engine import Engine, EngineLostError
from convbench.sweep.plan.file import SweepPlan
from convbench.sweep.plan.jobs import Job, jobs_of
from convbench.sweep.state import Made, Sweep, SweepFolder
from convbench.workers.plugins import find_backends

DEFAULT_FOLDER = Path("results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What became of a sweep: how each run was made that is there, and why others are missing."""

    folder: Path
    made: tuple[Made, ...]
    missing: tuple[tuple[Job, str], ...]

    @property
    def wrong(self) -> tuple[Made, ...]:
        """Runs in which a backend was wrong or failed."""
        return tuple(each for each in self.made if each.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How machines are reached: what makes the engine, inside the event loop, and how it is paced."""

    engine: Callable[[Sequence[str]], Awaitable[Engine]]
    pace: Pace
    dropped_variables: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def begin_sweep(plan: SweepPlan, output: Path | None, *, any_versions: bool) -> SweepFolder:
    """The folder of a new sweep. Without `any_versions` machines must have the packages of the plan, or those here."""
    sweep = Sweep(
        id=secrets.token_hex(6),
        title=plan.title,
        plan=plan.origin,
        jobs=jobs_of(plan),
        packages=None if any_versions else plan.packages if plan.packages is not None else packages_here(plan),
    )
    return SweepFolder.begin(new_folder(DEFAULT_FOLDER, "sweep") if output is None else output, sweep)


def packages_here(plan: SweepPlan) -> Mapping[str, str]:
    """The versions that are installed here of what matters to the plan: convbench, and the backends that it names.

    All backends matter where a job names none. Packages that are not here cannot differ.
    """
    registry = find_backends()
    backends, entrants = plan.names("backends"), plan.names("entrant")
    if backends is None and entrants is None:
        return package_versions(registry.packages)
    named = {*(backends or ()), *(Entrant.parse(text).backend for text in entrants or ())}
    declared = [
        name for each in named if each in registry.backends for name in registry.backends[each].backend.packages
    ]
    return package_versions(sorted(declared))


def go_on_with(folder: SweepFolder, way: Way, say: Callable[[str], None]) -> Swept:
    """Make what is missing in a folder. Ctrl-C passes through, after the machines were told to end."""
    missing = folder.missing()
    reasons: Mapping[str, str] = {}
    if missing:
        reasons = asyncio.run(_conduct(folder, way, say, [job.kind for job in missing]))
    return Swept(
        folder=folder.path,
        made=folder.made(),
        missing=tuple((job, reasons.get(job.id, "")) for job in folder.missing()),
    )


async def _conduct(
    folder: SweepFolder, way: Way, say: Callable[[str], None], kinds: Sequence[str]
) -> Mapping[str, str]:
    """Reasons of the jobs that are missing in the end."""
    engine = await way.engine(tuple(dict.fromkeys(kinds)))
    conductor = Conductor(
        folder, engine, say, pace=way.pace, dropped_variables=way.dropped_variables, command=way.command
    )
    try:
        await conductor.conduct()
    except EngineLostError as error:
        say(str(error))
        lost = {job.id: str(error) for job in folder.missing()}
        return {**lost, **conductor.queue.missing}
    finally:
        await _closed(engine)
    return conductor.queue.missing


async def _closed(engine: Engine) -> None:
    """What cannot be closed is gone."""
    try:
        await engine.close()
    except (OSError, TimeoutError, UsageError):
        return
