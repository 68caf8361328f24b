"""Every environment variable that a worker gets, and why. Pure functions.

- Of the user's own variables a short list is passed on, so that two users measure the same: those that a process needs
  to run, those of accelerators and BLAS libraries, and those whose beginnings plug-ins declare for their frameworks.
- The number of threads is set for every library that reads it from a variable, before the library is loaded.
- Then comes what the backend asks for, and last what the purpose of the worker asks for: see the three allocators.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

from convbench.errors import UsageError
from convbench.plan.settings import Allocator
from convbench_specs import FrameworkVariables

PASSED_VARIABLES = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
)  # fmt: skip
OF_ONE_INTERPRETER = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"})
"""They say where one interpreter finds its packages, and would lead another astray."""
PASSED_PREFIXES = ("CONVBENCH_", "CUDA_", "NVIDIA_", "OPENBLAS_", "MKL_", "COVERAGE_")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
"""What OpenMP and BLAS libraries read; plug-ins declare the variables of their frameworks."""

TUNED_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",  # no buffer gets a mapping of its own, which would end with it
    "MALLOC_TRIM_THRESHOLD_": str(2**46),  # the heap's end is never given back; no machine has so much memory
    "MALLOC_TOP_PAD_": str(64 * 2**20),  # it grows in large steps
}
"""For --allocator tuned: glibc does not give large buffers back to the system between two calls.

By default glibc maps every large buffer anew and unmaps it when it is freed: the kernel then clears each page again at
its first touch, a minor fault a page. In large layers that can take more time than the arithmetic. With these settings
freed memory stays in the process and is used again; a process keeps the most that it has ever needed. Each is described
in the manual of glibc, "Memory Allocation Tunables", and in mallopt(3).
"""
PINNED_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
    "MALLOC_ARENA_MAX": "1",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
"""For workers whose memory is measured: what is freed goes back to the system at once, so that the resident peak is the
call's own."""


def allocator_environment(allocator: Allocator) -> dict[str, str]:
    """Variables of an allocator; UsageError where the C library would not obey them."""
    if allocator == "default":
        return {}
    library = platform.libc_ver()[0] or "unknown"
    if library != "glibc":
        raise UsageError(f"--allocator tuned sets glibc's malloc, and the C library here is {library}: leave it out")
    return dict(TUNED_ALLOCATOR)


def union(declared: Iterable[FrameworkVariables]) -> FrameworkVariables:
    """The variables that several backends declare, each once: every worker gets those of all."""
    found = list(declared)
    return FrameworkVariables(
        threads=tuple(dict.fromkeys(name for each in found for name in each.threads)),
        passed_prefixes=tuple(dict.fromkeys(prefix for each in found for prefix in each.passed_prefixes)),
    )


def variables_for(own: Mapping[str, str], python: str) -> dict[str, str]:
    """Of the host's own variables those that another interpreter gets: none that tells where to find packages.

    Programs of its environment come first in PATH. All of them, where `python` is empty.
    """
    if not python:
        return dict(own)
    kept = {name: value for name, value in own.items() if name not in OF_ONE_INTERPRETER}
    return kept | {"PATH": os.pathsep.join(filter(None, [str(Path(python).parent), own.get("PATH")]))}


def worker_environment(
    own: Mapping[str, str],
    frameworks: FrameworkVariables,
    *,
    threads: int,
    backend: Mapping[str, str],
    purpose: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment of a worker: `own` is the host's, `backend` what the backend asks for."""
    prefixes = (*PASSED_PREFIXES, *frameworks.passed_prefixes)
    passed = {name: value for name, value in own.items() if name in PASSED_VARIABLES or name.startswith(prefixes)}
    thread_variables = dict.fromkeys((*THREAD_VARIABLES, *frameworks.threads), str(threads))
    return {**passed, **thread_variables, "PYTHONUNBUFFERED": "1", **backend, **purpose}
