"""What a run is told of its machine before it begins: every warning for its report, and few lines for its terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convbench.doctor.diagnosis import thread_warnings, warnings
from convbench.doctor.facts import core_facts, read_facts
from convbench.plan.settings import RunSettings
from convbench_specs import FrameworkVariables

MOST_NAMED = 3
"""Topics that the one line names."""


def warn(settings: RunSettings, framework_variables: FrameworkVariables, say: Callable[[str], None]) -> tuple[str, ...]:
    """Every warning in full, the worst first, after `say` was given the lines that are shown at once.

    The machine is watched for half a second. In a run without times only the threads matter, which are known at once.
    """
    if not settings.timing:
        found = thread_warnings(core_facts(settings.threads))
        for text in found:
            say(f"warning: {text}")
        return found
    facts = read_facts(settings.threads, allocator=settings.allocator, framework_variables=framework_variables)
    found = warnings(facts)
    if found:
        say(in_one_line(found))
    return found


def in_one_line(found: Sequence[str]) -> str:
    """All warnings of a machine as one line, which names the worst and says who tells the rest.

    >>> in_one_line(["load: The load is 9.", "steal: The host takes 0.3 of 2 cores."])
    '2 conditions here widen the intervals (load, steal); see convbench doctor'
    """
    topics = [text.partition(":")[0] for text in found]
    named = ", ".join(topics[:MOST_NAMED]) + (", ..." if len(topics) > MOST_NAMED else "")
    things = "1 condition here widens" if len(found) == 1 else f"{len(found)} conditions here widen"
    return f"{things} the intervals ({named}); see convbench doctor"
