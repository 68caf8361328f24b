"""Sweeps over a stub of convbench, and what must hold of their folders."""

from __future__ import annotations

import sys
from pathlib import Path

from paths import TESTS

from convbench.results.events.journal import read_events
from convbench.results.events.schema import WarningGiven
from convbench.sweep.conductor import Pace
from convbench.sweep.engines.here import HereEngine
from convbench.sweep.plan.jobs import Job
from convbench.sweep.state import Sweep, SweepFolder
from convbench.sweep.sweeping import Swept, Way, go_on_with
from convbench.sweep.whole import is_whole

STUB = (sys.executable, str(TESTS / "support" / "stub_convbench.py"))
QUICK = Pace(poll_s=0.05, look_s=0.1, lease_s=5.0, machine_s=0.0)


def jobs(count: int, *, kind: str = "machine", workload: str = "quick") -> tuple[Job, ...]:
    """Different jobs."""
    return tuple(
        Job(f"{kind}-{workload}-{number}", f"{workload} {number}", kind, (workload, "--seed", str(number)))
        for number in range(count)
    )


def begun(path: Path, made: tuple[Job, ...], packages: dict[str, str] | None = None) -> SweepFolder:
    """The folder of a new sweep."""
    return SweepFolder.begin(path, Sweep(id=path.name, title="", plan="plan.toml", jobs=made, packages=packages))


def here(*kinds: str, pace: Pace = QUICK, command: tuple[str, ...] = STUB) -> Way:
    """This computer with the stub."""

    async def start(wanted):
        return HereEngine(kinds or wanted)

    return Way(engine=start, pace=pace, command=command)


def swept_here(path: Path, made: tuple[Job, ...], *kinds: str, **changes: object) -> tuple[Swept, list[str]]:
    """A sweep of these jobs on this computer, and what was said."""
    said: list[str] = []
    folder = begun(path, made, **changes)
    try:
        return go_on_with(folder, here(*kinds), said.append), said
    finally:
        folder.close()


def steps_of(run: Path) -> list[int]:
    """The steps of a stub's run, in the order in which they were made."""
    return [int(event.text.split()[1]) for event in read_events(run) if isinstance(event, WarningGiven)]


def assert_all_there_once(path: Path, made: tuple[Job, ...]) -> None:
    """Each job has one run, whole, each step of it made once; nothing else is left in the folder."""
    assert sorted(run.name for run in (path / "runs").iterdir()) == sorted(job.id for job in made)
    for job in made:
        run = path / "runs" / job.id
        assert is_whole(run), job.id
        steps = steps_of(run)
        assert steps == list(range(len(steps))), (job.id, steps)
        assert steps
    assert list((path / "parts").iterdir()) == []
