"""What a run is told of its machine before it begins: every warning for its report, and few lines for its terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convbench.doctor.diagnosis import thread_warnings, warnings
from convbench.doctor.facts import core_facts, read_facts
from convbench.plan.settings import RunSettings
from convbench_specs import FrameworkVariables

MOST_NAMED = 3
"""Topics that the one line names."""


@dataclass(frozen=True, slots=True)
class Told:
    """The warnings in full, the worst first, and the lines that are shown at once."""

    warnings: tuple[str, ...]
    lines: tuple[str, ...]


def before_a_run(settings: RunSettings, framework_variables: FrameworkVariables) -> Told:
    """Watch the machine for half a second; without times only the threads matter, which are known at once."""
    if not settings.timing:
        found = thread_warnings(core_facts(settings.threads))
        return Told(found, tuple(f"warning: {text}" for text in found))
    facts = read_facts(settings.threads, allocator=settings.allocator, framework_variables=framework_variables)
    found = warnings(facts)
    return Told(found, (in_one_line(found),) if found else ())


def in_one_line(found: Sequence[str]) -> str:
    """All warnings of a machine as one line, which names the worst and says who tells the rest.

    >>> in_one_line(["load: The load is 9.", "steal: The host takes 0.3 of 2 cores."])
    '2 things on this machine widen intervals (load, steal): convbench doctor'
    """
    topics = [text.partition(":")[0] for text in found]
    named = ", ".join(topics[:MOST_NAMED]) + (", ..." if len(topics) > MOST_NAMED else "")
    things = "1 thing on this machine widens" if len(found) == 1 else f"{len(found)} things on this machine widen"
    return f"{things} intervals ({named}): convbench doctor"
