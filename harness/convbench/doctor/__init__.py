"""What on this machine would make measured times unreliable, and what to do about it."""

from convbench.doctor.diagnosis import diagnose, thread_warnings, warnings
from convbench.doctor.facts import Facts, core_facts, read_facts
from convbench.doctor.finding import Finding, Level
from convbench.machine.noise_floor import cached_floor

__all__ = [
    "Facts",
    "Finding",
    "Level",
    "cached_floor",
    "core_facts",
    "diagnose",
    "read_facts",
    "thread_warnings",
    "warnings",
]
