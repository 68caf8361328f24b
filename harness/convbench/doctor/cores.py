"""Whether each thread of a worker has a whole core, with no quota that takes part of it away."""

from __future__ import annotations

from math import floor

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.machine.cores import core_list, parse_core_list


def affinity(facts: Facts) -> Finding:
    """Whether every thread has a usable core."""
    usable, threads = len(facts.usable), facts.threads
    where = f"{_count(usable, 'core')} of {facts.online} may be used ({core_list(facts.usable)})"
    if threads <= usable:
        return Finding("cores", "ok", f"{_count(threads, 'thread')}; {where}.")
    text = (
        f"{_count(threads, 'thread')} requested, but {where}: the threads must share cores, and all times include that."
    )
    remedy = f"--threads {usable}"
    if threads <= facts.online:
        remedy += f", or widen the affinity mask: taskset -c 0-{facts.online - 1}"
    affects = f"all times: at least {threads / usable:.1f} times as long as on {threads} cores"
    return Finding("cores", "warning", text, remedy, affects)


def siblings(facts: Facts) -> Finding:
    """Whether two of the usable cores are hardware threads of the same physical core."""
    topic = "SMT"
    groups = {_siblings_of(facts, core) for core in facts.usable} - {()}
    if not groups:
        return Finding(topic, "unknown", "This system does not show which hardware threads share a core.")
    shared = [group for group in groups if len(group) > 1]
    if not shared:
        return Finding(topic, "ok", "No two usable cores are hardware threads of one.")
    first = sorted(group[0] for group in groups)
    where = f"{len(facts.usable)} hardware threads share {_count(len(first), 'core')}"
    if facts.threads <= len(first):
        return Finding(topic, "ok", f"{where}; workers are bound to one of each.")
    text = f"{where}: two on one core slow each other."
    remedy = f"taskset -c {core_list(first)} convbench ... --threads {len(first)}"
    return Finding(topic, "warning", text, remedy, "all times: at most 2 times as long as on whole cores")


def quota(facts: Facts) -> Finding:
    """Whether a container's quota of processor time is below what the threads use."""
    topic, cores = "processor quota", facts.container.cores
    if not facts.container.known:
        return Finding(topic, "unknown", "This system has no control groups that would tell of a quota.")
    if cores is None:
        return Finding(topic, "ok", "No quota of processor time is set.")
    text = f"The container may use {cores:g} cores' time"
    if cores < facts.threads:
        worst = f"{text}, less than {_count(facts.threads, 'thread')} use: they are halted for part of each period."
        remedy = f"--threads {floor(cores)}" if cores >= 1 else "give the container a whole core"
        affects = f"all times: {facts.threads / cores:.1f} times as long on average, single samples more or less"
        return Finding(topic, "warning", worst, f"{remedy}, or a larger quota (docker run --cpus)", affects)
    if facts.container.throttled:
        return Finding(topic, "ok", f"{text}; the quota has halted it {facts.container.throttled:,} times before.")
    return Finding(topic, "ok", f"{text}, enough for {_count(facts.threads, 'thread')}.")


def _siblings_of(facts: Facts, core: int) -> tuple[int, ...]:
    """The usable hardware threads of the physical core that this one belongs to."""
    found = parse_core_list(facts.of_core(core, "topology/thread_siblings_list") or "")
    return tuple(sorted(set(found) & set(facts.usable)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
