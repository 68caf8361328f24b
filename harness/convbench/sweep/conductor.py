"""Conducts a sweep: hands each idle machine one job at a time, watches it, and keeps what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from convbench.sweep.engines.engine import Engine, Machine
from convbench.sweep.on_machine.messages import (
    LEASE_S,
    Address,
    Description,
    Ended,
    Failed,
    Measured,
    Order,
    Refused,
    Report,
)
from convbench.sweep.plan.jobs import Job
from convbench.sweep.queue import JobQueue
from convbench.sweep.state import Made, SweepFolder
from convbench.text.units import format_duration

GOODBYE_S = 30.0
"""So long machines are given to end their jobs when a sweep is interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is looked, and how long is waited, in seconds.

    A machine ends a job that nobody has looked at for lease_s. Jobs whose kind of machine has not been there for
    machine_s are given up.
    """

    poll_s: float = 1.0
    look_s: float = 15.0
    lease_s: float = LEASE_S
    machine_s: float = 60.0


@dataclass(slots=True)
class Conductor:
    """One sweep that goes on. `say` is told what happens, a line each."""

    folder: SweepFolder
    engine: Engine
    say: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    dropped_variables: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    queue: JobQueue = field(default_factory=JobQueue)
    _before: int = 0
    """Jobs that were done when this process began."""
    _gone: dict[Machine, asyncio.Event] = field(default_factory=dict)
    _at_work: dict[Machine, Job] = field(default_factory=dict)
    _alone_since: dict[str, float] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def conduct(self) -> None:
        """Make every job that is missing; returns when each is done or given up."""
        missing = self.folder.missing()
        self._before = len(self.folder.sweep.jobs) - len(missing)
        self.queue = JobQueue.of(missing)
        serving: dict[Machine, asyncio.Task[None]] = {}
        try:
            while serving or not self.queue.is_settled:
                present = frozenset(await self.engine.machines())
                for machine in [each for each in self._gone if each not in present]:
                    self._gone.pop(machine).set()
                for machine in present - set(serving):
                    if (job := self.queue.take(machine)) is not None:
                        self._gone.setdefault(machine, asyncio.Event())
                        serving[machine] = asyncio.create_task(self._serve(machine, job))
                self._give_up_hopeless(present)
                if self.queue.is_settled and serving:
                    await asyncio.wait(serving.values(), timeout=self.pace.poll_s)
                else:
                    await self._news()
                for machine in [each for each, task in serving.items() if task.done()]:
                    serving.pop(machine).result()
            if not self.queue.missing:
                for machine in self._gone:  # which are still there
                    await self.engine.forget_sweep(machine, self.folder.sweep.id)
        finally:
            await self._leave(serving)

    async def _news(self) -> None:
        """Wait until there may be something to hand out: a job has come back, or it is time to look for machines."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pace.poll_s):
                await self._changed.wait()
        self._changed.clear()

    async def _serve(self, machine: Machine, first: Job) -> None:
        """Give a machine one job after the other, as long as it is there and has any."""
        job: Job | None = first
        try:
            while job is not None:
                self._note(f"{job.label}: on {machine.address}")
                self._at_work[machine] = job
                begin = time.monotonic()
                report = await self._attended(machine, job)
                self._at_work.pop(machine, None)
                await self._settle(machine, job, report, time.monotonic() - begin)
                if self.queue.is_settled or not isinstance(report, Measured):
                    self._changed.set()
                job = self.queue.take(machine) if machine in self._gone else None
        except BaseException:
            self._changed.set()  # so that it is noticed at once
            raise

    async def _attended(self, machine: Machine, job: Job) -> Report | None:
        """The report of a machine, which is looked at meanwhile; None where it is gone."""
        order = Order(
            sweep=self.folder.sweep.id,
            job=job,
            packages=self.folder.sweep.packages,
            part=self.folder.part(job),
            lease_s=self.pace.lease_s,
            dropped_variables=self.dropped_variables,
            command=self.command,
        )
        gone = asyncio.create_task(self._gone[machine].wait())
        measuring = asyncio.create_task(self.engine.measure(machine, order))
        looking = asyncio.create_task(self._look_on(machine, job, measuring))
        try:
            await asyncio.wait({gone, measuring, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done():  # by an error, else not before the job: unseen, the machine would end it
                looking.result()
            return measuring.result() if measuring.done() else None
        finally:
            await _ended(gone, measuring, looking)

    async def _look_on(self, machine: Machine, job: Job, measuring: asyncio.Task[Report]) -> None:
        """Keep what the run of a job has so far, again and again, and say what it waits for."""
        waits, is_known = "", False
        while not measuring.done():
            await asyncio.sleep(self.pace.look_s)
            glimpse = await self.engine.look(machine, self.folder.question(job))
            if glimpse is None or measuring.done():
                continue
            self.folder.keep_part(job, glimpse)
            if glimpse.description is not None and not is_known:
                self._introduced(machine, glimpse.description)
                is_known = True
            if glimpse.waits and glimpse.waits != waits:
                self._note(f"{job.label}: waits, as {glimpse.waits} ({machine.address})")
            waits = glimpse.waits

    async def _settle(self, machine: Machine, job: Job, report: Report | None, took_s: float) -> None:
        """Keep the run of a job, or see to it that another machine makes it."""
        where = machine.address
        if isinstance(report, (Measured, Refused, Failed)):
            where = self._introduced(machine, report.description)
        match report:
            case Measured():
                if self.folder.keep_run(self._made(job, report), report.archive):
                    self.queue.finished(job)
                    await self.engine.forget(machine, Address(self.folder.sweep.id, job.id))
                    self._note(f"{self._progress()} {job.label}: done on {where} in {format_duration(took_s)}")
                else:
                    self._note(f"{job.label}: what came from {where} is no whole run")
                    self.queue.failed(job, "what came back is no whole run")
            case Refused():
                self._note(f"{where} gets no jobs: {report.reason}")
                self.queue.refused(job, f"{where}: {report.reason}")
            case Failed():
                self._note(f"{job.label}: failed on {where}: {report.reason}")
                self.folder.keep_log(job, report.log)
                self.queue.failed(job, report.reason)
            case Ended():
                self._note(f"{job.label}: ended on {where}: {report.reason}")
                self.queue.called_off(job, report.reason)
            case None:
                self._note(f"{job.label}: {where} is gone; another machine of kind {job.kind} will make it")
                self.queue.died(job, "the machine went away")

    def _introduced(self, machine: Machine, description: Description) -> str:
        """Keep and tell what a machine says of itself, the first time; its name."""
        if description.id and self.folder.keep_description(description):
            about = ", ".join(filter(None, (description.identity.get(key) for key in ("microarchitecture", "memory"))))
            found = len(description.findings)
            widens = f"; {found} {'thing widens' if found == 1 else 'things widen'} intervals there" if found else ""
            self._note(f"{description.name} at {machine.address}: {about}{widens}")
        return description.name or machine.address

    def _made(self, job: Job, report: Measured) -> Made:
        return Made(
            job=job.id,
            sweep=self.folder.sweep.id,
            kind=job.kind,
            machine=report.description.name,
            machine_id=report.description.id,
            exit_code=report.exit_code,
            resumed=report.resumed,
        )

    def _give_up_hopeless(self, present: frozenset[Machine]) -> None:
        """Give up jobs that no machine can make: at once where all have tried, else after some patience."""
        hopeless = self.queue.without_machine(present)
        for kind in [kind for kind in self._alone_since if kind not in hopeless]:
            del self._alone_since[kind]
        for kind, is_there in hopeless.items():
            if kind not in self._alone_since:
                self._alone_since[kind] = time.monotonic()
                if not is_there and self.pace.machine_s > 0:
                    self._note(f"waiting for a machine of kind {kind}{_there_are(present)}")
            waited_s = time.monotonic() - self._alone_since[kind]
            if (is_there and not self._at_work) or waited_s >= self.pace.machine_s:
                why = "" if is_there else f"there is no machine of kind {kind}{_there_are(present)}"
                for job in self.queue.give_up(kind, why, present):
                    self._note(f"{job.label}: given up{why and ': ' + why}")

    async def _leave(self, serving: dict[Machine, asyncio.Task[None]]) -> None:
        """Have every job that is under way end, and wait a little for it."""
        address = self.folder.sweep.id
        for machine, job in list(self._at_work.items()):
            with suppress(Exception):  # whoever cannot be told ends by its lease
                async with asyncio.timeout(GOODBYE_S):
                    await self.engine.end(machine, Address(address, job.id))
        await _ended(*serving.values())

    def _progress(self) -> str:
        total = len(self.folder.sweep.jobs)
        return f"[{self._before + self.queue.done:{len(str(total))}} of {total}]"

    def _note(self, text: str) -> None:
        self.folder.log(text)
        self.say(text)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for them, but not for ever: what an engine does inside may hold out against it."""
    for task in tasks:
        task.cancel()
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=GOODBYE_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # it was seen, or comes too late


def _there_are(present: frozenset[Machine]) -> str:
    kinds = sorted({kind for machine in present for kind in machine.kinds})
    return f" (there are: {', '.join(kinds)})" if kinds else " (there are no machines)"
