"""The clocks of a worker, bound before the code of a plug-in is loaded.

A plug-in that replaces `time.perf_counter_ns` replaces it for itself. Whoever times takes it from here. `used_ns` is
the processor time of the process, all threads, in which waiting for a core does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns as now_ns
from time import process_time_ns as used_ns

__all__ = ["now_ns", "seconds_since", "used_ns"]


def seconds_since(begin_ns: int, now: Callable[[], int] = now_ns) -> float:
    """Seconds since an earlier reading of the clock."""
    return (now() - begin_ns) * 1e-9
