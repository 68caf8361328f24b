"""What the machine is to the kernels: threads, and the facts about compiler and processor that a result depends on."""

from __future__ import annotations

from collections.abc import Mapping

import llvmlite.binding as llvm  # type: ignore[import-untyped]  # llvmlite ships no types
import numba
import numpy as np

from convbench_backends.numba_cpu.jit import parallel, prange, threading_layer


def facts(threads: int) -> Mapping[str, str]:
    """Set the number of threads, start them, and say what runs."""
    numba.set_num_threads(threads)
    _touch(np.zeros(threads))
    return {
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
        "threading_layer": threading_layer(),
        "threads": str(numba.get_num_threads()),
    }


@parallel
def _touch(marks: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Any parallel loop: Numba chooses its threading layer at the first."""
    for i in prange(marks.size):
        marks[i] = 1.0
