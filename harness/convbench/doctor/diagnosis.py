"""All checks in the order in which they are shown. Each one is a pure function from facts to a finding."""

from __future__ import annotations

from collections.abc import Callable

from convbench.doctor import blas, clock, contention, cores, environment, frequency, memory
from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding

CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    frequency.governor,
    frequency.turbo,
    frequency.throttling,
    cores.affinity,
    cores.siblings,
    cores.quota,
    contention.load,
    contention.foreign,
    contention.steal,
    contention.core_speed,
    environment.thread_variables,
    environment.inherited,
    blas.kernels,
    memory.free,
    memory.swap,
    memory.huge_pages,
    memory.freed_pages,
    memory.peak_counter,
    clock.timer,
    clock.performance_events,
)


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """Every finding."""
    return tuple(check(facts) for check in CHECKS)


def warnings(facts: Facts) -> tuple[str, ...]:
    """The findings that a run should show with its results, one line each."""
    return tuple(found.warning for found in diagnose(facts) if found.level == "warning")


def thread_warnings(facts: Facts) -> tuple[str, ...]:
    """Only whether every thread has a core, which is all that matters when no times are compared."""
    found = cores.affinity(facts)
    return (found.warning,) if found.level == "warning" else ()
