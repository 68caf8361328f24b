"""convbench doctor: what on this machine would spoil numbers, and what to do about it."""

from convbench.doctor.diagnosis import diagnose, warnings
from convbench.doctor.facts import Facts, read_facts
from convbench.doctor.finding import Finding, Level
from convbench.doctor.floor import cached_floor

__all__ = ["Facts", "Finding", "Level", "cached_floor", "diagnose", "read_facts", "warnings"]
