"""Whether a process that has nothing to do keeps processors busy all the same, as a thread that spins does."""

from __future__ import annotations

import time

from convbench.machine.processor_time import spent_s, thread_times
from convbench.measure.clock import now_ns, seconds_since

GLANCE_S = 0.01
LOOK_S = 0.05
SPIN_S = 0.3
"""Thread pools spin for a while after a call, by default 0.2 s in Intel's OpenMP; what still spins then never ends."""
BUSY = 0.1
"""Of a core; a thread that spins has a whole one, or its part where others want it, too."""


def busy_cores() -> float:
    """How many cores the threads of this process use while the caller sleeps; 0 where they are idle or soon will be."""
    if _used(GLANCE_S) < BUSY:
        return 0.0
    time.sleep(SPIN_S)
    found = _used(LOOK_S)
    return found if found >= BUSY else 0.0


def _used(seconds: float) -> float:
    before, begin = thread_times(), now_ns()
    time.sleep(seconds)
    return spent_s(before, thread_times()) / seconds_since(begin)
