"""Numba's simulator of a GPU: whether it is asked for, and how slow it is. Imports no framework."""

from __future__ import annotations

import os

from convbench_specs import Case, PassName, cost

SIMULATOR = "NUMBA_ENABLE_CUDASIM"


def is_simulated() -> bool:
    """Whether kernels run in the simulator, as Numba reads its variable."""
    return os.environ.get(SIMULATOR, "") == "1"


def simulated_s(case: Case, batch_size: int, pass_name: PassName) -> float:
    return 0.0
