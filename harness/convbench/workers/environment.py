"""Settings of glibc's malloc under which large buffers are not given back to the system between two calls.

By default glibc maps every large buffer anew and unmaps it when it is freed: the kernel then clears each page again at
its first touch, a minor fault a page. In PyTorch's large layers that takes more time than the arithmetic. With these
settings freed memory stays in the process and is used again; a process keeps the most that it has ever needed.
Each is described in the manual of glibc, "Memory Allocation Tunables", and in mallopt(3).
"""

from __future__ import annotations

import platform
from typing import Literal

from convbench.errors import UsageError

Allocator = Literal["default", "tuned"]

TUNED_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",  # no buffer gets a mapping of its own, which would end with it
    "MALLOC_TRIM_THRESHOLD_": str(2**46),  # the heap's end is never given back; no machine has so much memory
    "MALLOC_TOP_PAD_": str(64 * 2**20),  # it grows in large steps
}
"""Environment of the timing workers for --allocator tuned."""


def allocator_environment(allocator: Allocator) -> dict[str, str]:
    """Variables that must stand before a worker starts; UsageError where the C library would not obey them."""
    if allocator == "default":
        return {}
    library = platform.libc_ver()[0] or "unknown"
    if library != "glibc":
        raise UsageError(f"--allocator tuned sets glibc's malloc, and the C library here is {library}: leave it out")
    return dict(TUNED_ALLOCATOR)
