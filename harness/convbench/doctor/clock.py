"""The clock that measures times, and the event counters of the kernel."""

from __future__ import annotations

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.plan.settings import QUICK
from convbench.text.units import format_seconds

MOST_COST_S = 0.5e-6
"""A reading that takes longer asks the kernel and not the processor."""
MOST_STEP_S = 1e-6
"""A sample takes at least a millisecond, so a larger step would be more than 0.1 % of it."""


def timer(facts: Facts) -> Finding:
    """How small the steps of the clock are, and how long reading it takes."""
    if facts.timer is None:
        return Finding("timer", "unknown", "The timer was not tested.")
    step, cost = facts.timer.step_s, facts.timer.cost_s
    source = facts.of("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    text = f"A step takes {format_seconds(step)} and a read {format_seconds(cost)}{f' ({source})' if source else ''}"
    if step <= MOST_STEP_S and cost <= MOST_COST_S:
        return Finding("timer", "ok", f"{text}.")
    share = (facts.timer.step_s + facts.timer.cost_s) / QUICK.sample_s
    affects = f"each sample by at most {share:.1%} of {format_seconds(QUICK.sample_s)}"
    remedy = "use --effort thorough, whose samples are longer"
    remedy = remedy if facts.in_container else f"{remedy}; or boot with clocksource=tsc"
    return Finding("timer", "warning", f"{text}: short calls cannot be measured precisely.", remedy, affects)


def performance_events(facts: Facts) -> Finding:
    """Whether perf may count events of a process. convbench does not need it, but people who tune a kernel do."""
    topic = "perf events"
    text = facts.of("/proc/sys/kernel/perf_event_paranoid")
    if text is None or not text.lstrip("-").isdecimal():
        return Finding(
            topic, "unknown", "This system does not show whether perf may be used; convbench does not need it."
        )
    if int(text) <= 2:
        return Finding(topic, "ok", f"perf may look into a process of your own (perf_event_paranoid {text}).")
    found = f"perf is closed to users (perf_event_paranoid {text}); convbench does not need it."
    return Finding(topic, "ok", found)
