"""Numba's simulator of a GPU: whether it is asked for, and how slow it is. Imports no framework."""

from __future__ import annotations

import os
import sys

from convbench_specs import DTYPES, Case, PassName, cost

SIMULATOR = "NUMBA_ENABLE_CUDASIM"
"""The variable by which Numba is asked for it, before it is imported."""
STEP_S = 20e-6
"""What the simulator takes for one operation or element, within a factor of about five."""
SWITCH_S = 1e-4
"""How long a simulated thread may keep the interpreter. At a barrier it is kept for polling, as long as it may be: with
Python's own 5 ms, kernels with barriers took four to ten times as long."""


def is_simulated() -> bool:
    """Whether kernels run in the simulator, as Numba reads its variable."""
    return os.environ.get(SIMULATOR, "") == "1"


def hurry() -> None:
    """Let the threads of this process take turns more often."""
    sys.setswitchinterval(SWITCH_S)


def simulated_s(case: Case, batch_size: int, pass_name: PassName) -> float:
    """Seconds of a pass in the simulator, roughly: enough to tell a tiny case from one that takes minutes."""
    work = cost(case, batch_size, pass_name)
    return (work.flops + work.bytes / DTYPES[case.dtype]) * STEP_S
