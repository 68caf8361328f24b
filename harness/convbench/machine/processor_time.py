"""Processor time of this process's threads, exact to microseconds.

The process's own clocks count a thread that runs on another core only up to the kernel's last tick, up to 10 ms ago:
of a sample of 2 ms that misses most of what a second thread did. A thread's own clock is brought up to date by reading.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

THREADS = Path("/proc/self/task")
SCHEDULED_TIME_OF_A_THREAD = 6
"""Of the kernel's clock ids, include/linux/posix-timers.h: CPUCLOCK_SCHED and CPUCLOCK_PERTHREAD_MASK."""


def thread_times() -> dict[int, float]:
    """Seconds of each thread so far; of the whole process under its id where the system has no clocks of threads.

    The calling thread is the last, so that it counts least of this look itself.
    """
    try:
        threads = [int(name) for name in os.listdir(THREADS)]  # noqa: PTH208  # twice as fast, right before a sample
    except OSError:
        return {os.getpid(): time.process_time()}
    me = threading.get_native_id()
    threads.sort(key=me.__eq__)
    times = {}
    for thread in threads:
        try:
            times[thread] = time.clock_gettime((~thread << 3) | SCHEDULED_TIME_OF_A_THREAD)
        except OSError:  # it has ended meanwhile
            continue
    return times


def spent_s(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds between two looks; of threads that ended between them nothing is known."""
    return sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
