"""Which job a machine gets next, and what becomes of jobs whose machine dies, refuses, or fails."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from convbench.sweep.engines.engine import Machine
from convbench.sweep.plan.jobs import Job

MOST_TRIES = 3
"""How often a job may fail, or its machine die, before it is given up."""
MOST_FAILURES = 3
"""Of jobs in a row on one machine, which then gets no more: something is missing there."""
SHOWN = 3
"""Reasons that are named; of more, their number."""


@dataclass(slots=True)
class _Tries:
    """What was tried with a job that is not done."""

    count: int = 0
    failed_on: set[Machine] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)


@dataclass(slots=True)
class JobQueue:
    """Jobs by kind of machine, first in first out; each is with one machine at a time."""

    _waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _with_machine: dict[str, Machine] = field(default_factory=dict)
    _tries: dict[str, _Tries] = field(default_factory=dict)
    _in_a_row: Counter[Machine] = field(default_factory=Counter)
    aside: dict[Machine, str] = field(default_factory=dict)
    """Machines that get no more jobs, and why."""
    missing: dict[str, str] = field(default_factory=dict)
    """Jobs that were given up, and why."""
    done: int = 0

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> JobQueue:
        """All of them waiting."""
        queue = cls()
        for job in jobs:
            queue._waiting.setdefault(job.kind, deque()).append(job)
        return queue

    @property
    def is_settled(self) -> bool:
        """Whether every job is done or given up."""
        return not self._with_machine and not any(self._waiting.values())

    @property
    def under_way(self) -> int:
        """How many jobs are with a machine."""
        return len(self._with_machine)

    def take(self, machine: Machine) -> Job | None:
        """The next job for a machine; None where there is none that it could make."""
        if machine in self.aside:
            return None
        for kind in sorted(machine.kinds):
            waiting = self._waiting.get(kind, ())
            for job in waiting:
                if machine not in self._tried(job).failed_on:
                    self._waiting[kind].remove(job)  # nearly always the first
                    self._with_machine[job.id] = machine
                    return job
        return None

    def finished(self, job: Job) -> None:
        """Its run is kept."""
        self._in_a_row[self._with_machine.pop(job.id)] = 0
        self._tries.pop(job.id, None)
        self.done += 1

    def failed(self, job: Job, reason: str) -> None:
        """It failed; another machine may try."""
        machine = self._with_machine[job.id]
        self._tries.setdefault(job.id, _Tries()).failed_on.add(machine)
        self._count_failure(machine, reason)
        self._again(job, reason)

    def died(self, job: Job, reason: str) -> None:
        """Its machine is gone; nobody is to blame, so any machine may try."""
        self._again(job, reason)

    def refused(self, job: Job, reason: str) -> None:
        """The machine is at fault and gets no more jobs; the job was not tried."""
        machine = self._with_machine.pop(job.id)
        self.aside[machine] = reason
        self._waiting.setdefault(job.kind, deque()).appendleft(job)

    def called_off(self, job: Job, reason: str) -> None:
        """It was ended; any machine may try, this one too, unless it ends one after the other."""
        self._count_failure(self._with_machine[job.id], reason)
        self._again(job, reason)

    def without_machine(self, present: Iterable[Machine]) -> dict[str, bool]:
        """Kinds whose waiting jobs nobody present can take, and whether machines of the kind are present at all."""
        present = tuple(present)
        found = {}
        for kind, waiting in self._waiting.items():
            able = [machine for machine in present if kind in machine.kinds]
            usable = [machine for machine in able if machine not in self.aside]
            if waiting and not any(machine not in self._tried(waiting[0]).failed_on for machine in usable):
                found[kind] = bool(able)
        return found

    def give_up(self, kind: str, why: str, present: Iterable[Machine]) -> list[Job]:
        """Give up the waiting jobs of a kind that nobody present can take; which they are."""
        able = [machine for machine in present if kind in machine.kinds]
        usable = {machine for machine in able if machine not in self.aside}
        whys = [*filter(None, [why]), *(self.aside[machine] for machine in able if machine in self.aside)]
        waiting = self._waiting[kind]
        hopeless = [job for job in waiting if not usable - self._tried(job).failed_on]
        for job in hopeless:
            waiting.remove(job)
            self._give_up(job, whys)
        return hopeless

    def _tried(self, job: Job) -> _Tries:
        return self._tries.get(job.id, _NOTHING)

    def _count_failure(self, machine: Machine, reason: str) -> None:
        self._in_a_row[machine] += 1
        if self._in_a_row[machine] >= MOST_FAILURES:
            self.aside[machine] = f"{machine.address}: {MOST_FAILURES} jobs in a row failed, the last: {reason}"

    def _again(self, job: Job, reason: str) -> None:
        machine = self._with_machine.pop(job.id)
        tries = self._tries.setdefault(job.id, _Tries())
        tries.count += 1
        tries.reasons.append(f"on {machine.address}: {reason}")
        if tries.count >= MOST_TRIES:
            self._give_up(job, [])
        else:  # behind the others, so that no machine meets the same job again and again
            self._waiting.setdefault(job.kind, deque()).append(job)

    def _give_up(self, job: Job, whys: list[str]) -> None:
        reasons = list(dict.fromkeys([*self._tries.pop(job.id, _Tries()).reasons, *whys]))
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        self.missing[job.id] = "; ".join(reasons[:SHOWN]) + more


_NOTHING = _Tries()
