"""Thread counts must stand before NumPy or any framework is imported, so they are set here, first of all."""

from __future__ import annotations

import os

from convbench.workers.process import THREAD_VARIABLES

THREADS = int(os.environ.get("CONVBENCH_THREADS", len(os.sched_getaffinity(0))))
for variable in THREAD_VARIABLES:
    os.environ.setdefault(variable, str(THREADS))
