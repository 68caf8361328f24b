"""Processor time of the threads of this process, exact to microseconds, and of other processes.

The clock of the process counts a thread on another core only up to the kernel's last step, which may be 10 ms ago. In a
sample of 2 ms it would miss most of what a second thread did. The clock of a thread is brought up to date when it is
read, so the threads are read one by one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

SCHEDULED_TIME_OF_A_PROCESS = 2
"""CPUCLOCK_SCHED alone: the lowest bits of the id of a process's clock."""
THREADS = Path("/proc/self/task")
SCHEDULED_TIME_OF_A_THREAD = 6
"""Lowest bits of the id of a thread's clock: CPUCLOCK_SCHED and CPUCLOCK_PERTHREAD_MASK of
include/linux/posix-timers.h."""


def thread_times() -> dict[int, float]:
    """Seconds of each thread so far, by its id; those of the whole process if the system has no clocks of threads.

    The calling thread is read last, so that it counts as little as possible of the reading itself.
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
        except OSError:  # the thread has ended
            continue
    return times


def process_s(pid: int) -> float:
    """Seconds that another process used so far, all threads; 0 where it has ended or the system has no such clock.

    It is exact for threads that do not run at this moment.
    """
    try:
        return time.clock_gettime((~pid << 3) | SCHEDULED_TIME_OF_A_PROCESS)
    except OSError:
        return 0.0


def spent_s(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds that the threads used between two readings; threads that ended between them are not counted."""
    return sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
