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

WORST_FIRST: tuple[Callable[[Facts], Finding], ...] = (
    cores.affinity,
    cores.quota,
    contention.foreign,
    contention.load,
    contention.steal,
    memory.swap,
    memory.free,
    cores.siblings,
    frequency.throttling,
    contention.core_speed,
    memory.freed_pages,
    memory.huge_pages,
    blas.kernels,
    frequency.governor,
    frequency.turbo,
    environment.inherited,
    environment.thread_variables,
    clock.timer,
    memory.peak_counter,
    clock.performance_events,
)
"""What makes times several times longer, then what makes them vary by a part, then what is only coarse or not there."""


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """Every finding."""
    return tuple(check(facts) for check in CHECKS)


def warnings(facts: Facts) -> tuple[str, ...]:
    """The findings that a run should show with its results, one line each, the worst first."""
    found = [check(facts) for check in WORST_FIRST]
    return tuple(each.warning for each in found if each.level == "warning")


def thread_warnings(facts: Facts) -> tuple[str, ...]:
    """Only whether every thread has a core, which is all that matters when no times are compared."""
    found = cores.affinity(facts)
    return (found.warning,) if found.level == "warning" else ()
