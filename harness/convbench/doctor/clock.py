"""The clock that measures, and the kernel's other counters."""

from __future__ import annotations

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.text.units import format_seconds

MOST_COST_S = 0.5e-6
"""A read that costs more asks the kernel, not the processor."""
MOST_STEP_S = 1e-6
"""A sample takes a millisecond at least: a coarser step would be more than 0.1 % of it."""


def timer(facts: Facts) -> Finding:
    """How finely and how cheaply time can be read."""
    if facts.timer is None:
        return Finding("timer", "unknown", "The timer was not looked at.")
    step, cost = facts.timer.step_s, facts.timer.cost_s
    source = facts.of("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    text = f"A step takes {format_seconds(step)} and a read {format_seconds(cost)}{f' ({source})' if source else ''}"
    if step <= MOST_STEP_S and cost <= MOST_COST_S:
        return Finding("timer", "ok", f"{text}.")
    return Finding("timer", "warning", f"{text}: short calls are measured coarsely.", "boot with clocksource=tsc")


def performance_events(facts: Facts) -> Finding:
    """Whether perf may count events of a process; convbench needs none, who looks into a kernel does."""
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
