"""Memory of one warm call, measured inside a worker of its own: its peak, and what a forward keeps for a backward.

The kernel's own counter is read: writing 5 to /proc/self/clear_refs resets VmHWM, the peak of resident memory; the peak
after the call less the resident memory before it is what the call needed, outputs included. The worker runs with
malloc pinned (see workers/environment.py): by default glibc keeps freed buffers, and a second call would seem to need
nothing. Where a backend has a counter of its own (a device's allocator, an arena) that is asked instead.

What is kept for the backward is the resident memory after a forward for training, less that before it. The results of
the calls that warm up are held meanwhile: a backend that hands out its arrays again would seem to need none.

Where this system lets a process neither reset nor read its peak there are no numbers, and WHY_NOT is what to tell.
"""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from convbench.measure.timing import Call, Wait, once
from convbench_specs import KeptMemoryCounter, MemoryCounter

FLOOR_BYTES = 5_000_000
"""Below this the kernel's batching of per-CPU counts is more than 2 % of the value."""

SETTLE_S = 0.001
QUIET_LOOKS = 2
MOST_LOOKS = 50
"""Resident memory has settled when so many looks SETTLE_S apart show no change."""

WARM_CALLS = 2
"""Their results are held: as many as a backend may keep to hand them out again, which would then seem to need none. An
arena is asked no sooner either: after one call TensorFlow's handed out chunks 3 to 16 % larger than what was needed."""
SLOW_CALL_S = 0.05
"""A pass whose warm call takes longer, with this allocator, is read once."""
SAME = 0.01
"""Two readings that differ by no more share settle it: the median of three lies between any two of them."""

RESIDENT = "resident"
"""The source of what the kernel counts; any other name is a backend's own counter."""
BELOW_FLOOR = "below floor"
STATM = Path("/proc/self/statm")
STATUS = Path("/proc/self/status")
ROLLUP = Path("/proc/self/smaps_rollup")
CLEAR_REFS = Path("/proc/self/clear_refs")
WHY_NOT = f"{CLEAR_REFS} cannot be written here, so a process cannot measure the peak of its memory"


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Bytes that a call needed at its peak above what was there before, and what says so."""

    peak_bytes: int
    source: str


Reading = TypeVar("Reading", PeakMemory, int)


def readings(
    measure: Callable[[Call, Wait, MemoryCounter | None], Reading | None],
    call: Call,
    wait: Wait,
    counter: MemoryCounter | None,
    repeats: int,
) -> list[Reading]:
    """What `measure`, peak_memory or kept_memory, finds so many times; nothing where nothing can tell.

    Once is enough below the floor and where a call is slow, twice where both are the SAME.
    """
    warm = [once(call, wait) for _ in range(WARM_CALLS)]
    wanted = 1 if warm[-1][1] > SLOW_CALL_S else repeats
    found: list[Reading] = []
    while len(found) < wanted and (measured := measure(call, wait, counter)) is not None:
        found.append(measured)
        sizes = [each.peak_bytes if isinstance(each, PeakMemory) else each for each in found]
        if sizes[-1] < FLOOR_BYTES or (len(sizes) > 1 and max(sizes) - min(sizes) <= SAME * min(sizes)):
            break
    del warm
    return found


def peak_memory(call: Call, wait: Wait, counter: MemoryCounter | None) -> PeakMemory | None:
    """Peak of one call; None where this system shows no resident peak and the backend has no counter."""
    if counter is not None:
        counter.reset()
        wait(call())
        return PeakMemory(counter.peak_bytes(), counter.source)
    if not can_reset_peak():
        return None
    before = resident_bytes()
    CLEAR_REFS.write_text("5")
    result = call()
    wait(result)
    peak = max(0, _kilobytes(STATUS, "VmHWM:") * 1024 - before)
    del result
    return PeakMemory(peak, RESIDENT if peak >= FLOOR_BYTES else f"{RESIDENT}, {BELOW_FLOOR}")


def kept_memory(forward: Call, wait: Wait, counter: MemoryCounter | None) -> int | None:
    """Bytes that stay while what a forward for training returned is held; None where nothing here can tell."""
    if counter is not None:
        return _kept_by(counter, forward, wait) if isinstance(counter, KeptMemoryCounter) else None
    if not can_reset_peak():
        return None
    before = resident_bytes()
    result = forward()
    wait(result)
    kept = max(0, resident_bytes() - before)
    del result
    return kept


def _kept_by(counter: KeptMemoryCounter, forward: Call, wait: Wait) -> int:
    gc.collect()
    counter.reset()
    result = forward()
    wait(result)
    kept = counter.kept_bytes()
    del result
    return kept


def resident_bytes() -> int:
    """Resident memory of this process once nothing that was freed is left in it and its threads are at rest.

    A runtime may free a buffer on a thread of its own a moment after the last reference to it has gone.
    """
    gc.collect()
    _trim()
    pages, quiet = _resident_pages(), 0
    for _ in range(MOST_LOOKS):
        time.sleep(SETTLE_S)
        before, pages = pages, _resident_pages()
        quiet = quiet + 1 if pages == before else 0
        if quiet == QUIET_LOOKS:
            break
        _trim()
    return _kilobytes(ROLLUP, "Rss:") * 1024


def reset_peak() -> None:
    """Start a new peak of this process's resident memory, where the system lets it."""
    if can_reset_peak():
        CLEAR_REFS.write_text("5")


def process_peak_bytes() -> int:
    """Peak of this process's resident memory since it was reset, or since the process began; 0 where none is shown."""
    return _kilobytes(STATUS, "VmHWM:") * 1024


def _resident_pages() -> int:
    """A quick look at resident memory, coarse: the kernel counts per processor and adds up late."""
    return int(STATM.read_text().split()[1])


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
