"""Numba's simulator of a GPU: whether it is asked for, how slow it is, and a race of it that is mended here.

Imports no framework before it is asked to.
"""

from __future__ import annotations

import os
import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import DTYPES, Case, PassName, cost

SIMULATOR = "NUMBA_ENABLE_CUDASIM"
"""The variable by which Numba is asked for it, before it is imported."""
STEP_S = 20e-6
"""What the simulator takes for one operation or element, within a factor of about five."""
SWITCH_S = 1e-4
"""How long a simulated thread may keep the interpreter. At a barrier it is kept for polling, as long as it may be: with
Python's own 5 ms, kernels with barriers took four to ten times as long."""

SHARING = Lock()
"""Held while a thread asks for an array that its block shares."""


def is_simulated() -> bool:
    """Whether kernels run in the simulator, as Numba reads its variable."""
    return os.environ.get(SIMULATOR, "") == "1"


def start_simulator() -> None:
    """Let the threads of this process take turns more often, and share the arrays that they are to share.

    The simulator looks for a block's shared array and then makes it, with no lock around both: of threads that ask at
    the same time each may get one of its own, and results are then wrong (numba-cuda 0.30; seldom, on a busy machine).
    """
    from numba.cuda.simulator.kernelapi import FakeCUDAShared  # noqa: PLC0415  # imports Numba

    sys.setswitchinterval(SWITCH_S)
    FakeCUDAShared.array = _shared_array  # type: ignore[method-assign]  # there is no other way in


def _shared_array(block: Any, shape: int | tuple[int, ...], dtype: object) -> NDArray[Any]:
    """The array of a block that the calling line of a kernel asks for, as FakeCUDAShared.array: one for all threads."""
    caller = sys._getframe(1)  # noqa: SLF001  # the simulator, too, tells the arrays of a block by the line
    line = caller.f_code.co_filename, caller.f_lineno
    arrays: dict[tuple[str, int], NDArray[Any]] = block._allocations  # noqa: SLF001  # where the simulator keeps them
    with SHARING:
        if line not in arrays:
            arrays[line] = np.empty(shape, np.dtype(str(dtype)))
        return arrays[line]


def simulated_s(case: Case, batch_size: int, pass_name: PassName) -> float:
    """Seconds of a pass in the simulator, roughly: enough to tell a tiny case from one that takes minutes."""
    work = cost(case, batch_size, pass_name)
    return (work.flops + work.bytes / DTYPES[case.dtype]) * STEP_S
