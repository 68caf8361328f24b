"""Whether other programs or other virtual machines use this machine now."""

from __future__ import annotations

import statistics

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.machine.core_speed import SLOW

FOREIGN_SHARE = 0.05
"""Share of the usable cores. More than this shows in the times even if there are free cores."""
SLACK_CORES = 0.1
"""How many cores may be missing for the threads and other programs together, as the kernel counts in coarse steps."""
STEAL_SHARE = 0.01
"""Share of the usable cores. A host that takes more has no core to spare."""
LOAD_SLACK = 0.5
"""Cores that the load average may exceed, as it still counts what ended a minute ago."""
SLOW_SHARE = 0.1
"""Share of the timings of the cores. On an undisturbed machine the kernel's own work interrupts about 1 % of them."""
CLOCK_CHANGES = 1.3
"""How many times its best a chain of dependent steps takes when the clock goes down as far as SLOW; else 1.1."""

CITED_NEIGHBOUR = "and blocks of plain loops 27 % apart in place of 2.4 % (docs/measurement.md)"
"""What such a neighbour was seen to do: "When others use the machine" there."""


def load(facts: Facts) -> Finding:
    """Whether the load average leaves a core for each thread."""
    if facts.load is None:
        return Finding("load", "unknown", "This system has no load average.")
    text, wanted = f"The load average of the last minute is {facts.load:.2f} on {facts.online} cores", _wanted(facts)
    if facts.load + wanted <= facts.online + LOAD_SLACK:
        return Finding("load", "ok", f"{text}.")
    text += f", which leaves less than {wanted} for the threads."
    affects = f"all times: {(facts.load + wanted) / facts.online:.1f} times as long where cores are shared evenly"
    return Finding("load", "warning", text, "wait, or end the other programs (top shows them)", affects)


def foreign(facts: Facts) -> Finding:
    """Whether other programs keep the processor busy at this moment."""
    topic, use = "other processes", facts.use
    if use is None:
        return Finding(topic, "unknown", "This system does not show how much processor time other programs use.")
    text = f"Other programs use {use.foreign_cores:.2f} of {len(facts.usable)} cores now"
    room = _wanted(facts) + use.foreign_cores <= len(facts.usable) + SLACK_CORES
    if room and use.foreign_cores <= max(SLACK_CORES, FOREIGN_SHARE * len(facts.usable)):
        return Finding(topic, "ok", f"{text}.")
    named = ", ".join(f"{name} {cores:.2f}" for name, cores in use.busiest)
    text = f"{text}{f': {named}' if named else ''}."
    remedy = "end them, or measure when they have finished"
    return Finding(topic, "warning", text, remedy, _moved_by(use.foreign_cores, facts))


def steal(facts: Facts) -> Finding:
    """Whether the host of this virtual machine gives its cores to other virtual machines."""
    topic = "steal"
    if facts.use is None or facts.use.steal_cores is None:
        return Finding(topic, "unknown", "This system does not count the processor time that its host takes away.")
    taken = facts.use.steal_cores
    if taken <= STEAL_SHARE * len(facts.usable):
        return Finding(topic, "ok", "The host of this virtual machine takes no processor time away now.")
    text = f"The host of this virtual machine takes {taken:.2f} of {len(facts.usable)} cores away now."
    share = len(facts.usable) / max(SLACK_CORES, len(facts.usable) - taken)
    affects = f"all times: {share:.2f} times as long on average, single samples more or less"
    remedy = "use a machine with dedicated cores, or more --blocks"
    return Finding(topic, "warning", text, remedy, affects)


def core_speed(facts: Facts) -> Finding:
    """Whether the cores keep their speed. Another program on the same physical core shows in no other count."""
    topic, best = "core speed", facts.best_timings
    seen = [
        (timing.loop_s / best[core].loop_s, timing.chain_s / best[core].chain_s)
        for core, timings in facts.timings.items()
        for timing in timings
    ]
    if not seen:
        return Finding(topic, "unknown", "This system does not let a process choose its core.")
    slow = [times for times in seen if times[0] > SLOW]
    if len(slow) <= SLOW_SHARE * len(seen):
        return Finding(
            topic, "ok", "The cores keep their speed: a loop of fixed work always takes about the same time."
        )
    loop, chain = (statistics.median(times) for times in zip(*slow, strict=True))
    text = f"In {len(slow) / len(seen):.0%} of the tests a core needed {loop:.1f} times its best time for a fixed loop"
    if chain > CLOCK_CHANGES:
        affects = f"all times: {chain:.1f} times as long while it lasts"
        remedy = "measure when the machine has cooled; --effort thorough narrows the intervals"
        if not facts.in_container:
            remedy = f"improve the cooling, or fix the frequency below turbo; or {remedy}"
        return Finding(topic, "warning", f"{text}: its clock frequency drops.", remedy, affects)
    text += ", but not for steps that wait for one another: somebody else uses the core's second hardware thread."
    affects = f"all times: at most {loop:.1f} times as long while it lasts, {CITED_NEIGHBOUR}"
    remedy = "use a machine with dedicated cores; --effort thorough narrows the intervals"
    return Finding(topic, "warning", text, remedy, affects)


def _moved_by(foreign: float, facts: Facts) -> str:
    """What other programs do to times, by the cores that they leave."""
    share = (_wanted(facts) + foreign) / len(facts.usable)
    if share <= 1:
        return "all times, by what they take of caches and memory bandwidth; each thread has a core"
    return f"all times: {share:.1f} times as long where cores are shared evenly; disturbed samples are taken again"


def _wanted(facts: Facts) -> int:
    """How many cores the threads can keep busy: never more than there are."""
    return min(facts.threads, len(facts.usable))
