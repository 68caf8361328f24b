"""Peak memory of one warm call, measured inside a worker of its own.

The kernel's own counter is read: writing 5 to /proc/self/clear_refs resets VmHWM, the peak of resident memory; the peak
after the call less the resident memory before it is what the call needed, outputs included. The worker runs with
malloc pinned (PINNED_ALLOCATOR): by default glibc keeps freed buffers, and a second call would seem to need nothing.
Where a backend has a counter of its own (a device's allocator, an arena) that is asked instead.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from convbench_specs import MemoryCounter, Native

PINNED_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
    "MALLOC_ARENA_MAX": "1",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
"""Environment in which freed memory goes back to the system at once, so that the resident peak is the call's own."""

FLOOR_BYTES = 5_000_000
"""Below this the kernel's batching of per-CPU counts is more than 2 % of the value."""

STATUS = Path("/proc/self/status")
ROLLUP = Path("/proc/self/smaps_rollup")
CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Bytes that a call needed at its peak above what was there before, and what says so."""

    peak_bytes: int
    source: str


def peak_memory(
    call: Callable[[], Native], wait: Callable[[Native], None], counter: MemoryCounter | None
) -> PeakMemory | None:
    """Peak of one call; None where this system shows no resident peak and the backend has no counter."""
    _trim()
    if counter is not None:
        counter.reset()
        wait(call())
        return PeakMemory(counter.peak_bytes(), counter.source)
    if not can_reset_peak():
        return None
    before = _kilobytes(ROLLUP, "Rss:")
    CLEAR_REFS.write_text("5")
    result = call()
    wait(result)
    peak = max(0, _kilobytes(STATUS, "VmHWM:") - before) * 1024
    del result
    return PeakMemory(peak, "resident" if peak >= FLOOR_BYTES else "resident, below floor")


@cache
def can_reset_peak() -> bool:
    """Whether this system lets a process reset and read its resident peak; asked once, as each look walks all pages."""
    try:
        CLEAR_REFS.write_text("5")
        return _kilobytes(STATUS, "VmHWM:") > 0 and _kilobytes(ROLLUP, "Rss:") > 0
    except OSError:
        return False


def _kilobytes(path: Path, key: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def _trim() -> None:
    with suppress(OSError, AttributeError):  # a C library without malloc_trim keeps what it keeps
        ctypes.CDLL(None).malloc_trim(0)
