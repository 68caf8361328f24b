"""The clock frequency of the cores. If it changes during a run, all times of the run change with it."""

from __future__ import annotations

from convbench.doctor.facts import CPU, Facts
from convbench.doctor.finding import Finding

STEADY_GOVERNORS = {"performance", "userspace"}
"""Governors whose frequency does not follow the load."""


def governor(facts: Facts) -> Finding:
    """Whether the frequency follows the load."""
    topic = "frequency scaling"
    found = {facts.of_core(core, "cpufreq/scaling_governor") for core in facts.usable} - {None, ""}
    if not found:
        return Finding(topic, "unknown", f"This system does not show the governor{_virtual(facts)}.")
    names = ", ".join(sorted(str(name) for name in found))
    if found <= STEADY_GOVERNORS:
        return Finding(topic, "ok", f"The governor is {names}.")
    text = f"The governor is {names}: the clock follows the load, so short calls run slower than long ones."
    return Finding(topic, "warning", text, "sudo cpupower frequency-set -g performance")


def turbo(facts: Facts) -> Finding:
    """Whether the clock may rise above its base, by an amount that depends on temperature and on the busy cores."""
    no_turbo, boost = facts.of(f"{CPU}/intel_pstate/no_turbo"), facts.of(f"{CPU}/cpufreq/boost")
    if no_turbo in {"0", "1"}:
        on, switch = no_turbo == "0", f"echo 1 | sudo tee {CPU}/intel_pstate/no_turbo"
    elif boost in {"0", "1"}:
        on, switch = boost == "1", f"echo 0 | sudo tee {CPU}/cpufreq/boost"
    else:
        return Finding("turbo", "unknown", f"This system does not show whether turbo is on{_virtual(facts)}.")
    if not on:
        return Finding(
            "turbo", "ok", "Turbo is off: the clock frequency does not depend on the temperature or on other cores."
        )
    text = "Turbo is on: the clock frequency depends on the temperature and on how many cores are busy."
    return Finding("turbo", "warning", text, f"{switch}; or compare only within one run, where it affects all backends")


def throttling(facts: Facts) -> Finding:
    """Whether heat or power limits have slowed down a core since the machine was started."""
    topic = "throttling"
    counts = [facts.of_core(core, "thermal_throttle/package_throttle_count") for core in facts.usable]
    known = [int(count) for count in counts if count and count.isdecimal()]
    if not known:
        return Finding(
            topic, "unknown", f"This system does not count how often heat reduced its speed{_virtual(facts)}."
        )
    if max(known) == 0:
        return Finding(topic, "ok", "Heat has not reduced the speed of the processor since the machine was started.")
    text = f"Heat has reduced the speed of the processor {max(known):,} times since the machine was started."
    return Finding(topic, "warning", text, "improve the cooling, or use fewer --threads")


def _virtual(facts: Facts) -> str:
    if "hypervisor" in facts.cpuinfo("flags", "Features").split():
        return "; it is a virtual machine, and its host decides"
    return ""
