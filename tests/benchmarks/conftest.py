"""Thread counts must stand before any framework is imported, so they are set here, first of all."""

from __future__ import annotations

import os

from convbench.workers.environment import THREAD_VARIABLES, union
from convbench.workers.plugins import find_backends

THREADS = int(os.environ.get("CONVBENCH_THREADS", len(os.sched_getaffinity(0))))
DECLARED = union(entry.backend.framework_variables for entry in find_backends().backends.values()).threads
for variable in (*THREAD_VARIABLES, *DECLARED):
    os.environ.setdefault(variable, str(THREADS))
