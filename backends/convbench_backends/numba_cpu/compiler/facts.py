# ruff: noqa: ARG001  # a kernel takes its task and thread
"""What the machine is to the kernels: threads, and the facts about compiler and processor that a result depends on."""

from __future__ import annotations

from collections.abc import Mapping

import llvmlite.binding as llvm  # type: ignore[import-untyped]  # llvmlite ships no types
import numba
import numpy as np
from numpy.typing import NDArray

from convbench_backends.numba_cpu.compiler.jit import kernel, threading_layer
from convbench_backends.numba_cpu.compiler.vector import REGISTERS, VECTOR_BYTES


def facts(threads: int) -> Mapping[str, str]:
    """Set the number of threads, start them, and say what runs."""
    numba.set_num_threads(threads)
    tasks = threads + 1  # one task would run on this thread and start no other
    _touch(tasks, np.zeros(tasks))
    return {
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
        "threading_layer": threading_layer(),
        "threads": str(numba.get_num_threads()),
        "vector": f"{8 * VECTOR_BYTES} bits, {REGISTERS} registers",
    }


@kernel
def _touch(task: int, tasks: int, thread: int, marks: NDArray[np.float64]) -> None:
    """Any kernel: Numba chooses its threading layer at the first."""
    marks[task] = 1.0
