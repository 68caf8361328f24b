"""Cores by number: lists of them as text, which ones share a physical core, and binding a worker to some of them.

A worker is bound to as many cores as it has threads, because this is the one setting that every framework obeys. Two
hardware threads of the same core are used only when there is no other core left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from convbench.machine.facts import usable_cores
from convbench.machine.processor_time import THREADS


def core_list(cores: Iterable[int]) -> str:
    """A list of cores as the kernel and taskset write it.

    >>> core_list([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    ranges: list[list[int]] = []
    for core in sorted(cores):
        if ranges and core == ranges[-1][-1] + 1:
            ranges[-1].append(core)
        else:
            ranges.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ranges)


def parse_core_list(text: str) -> tuple[int, ...]:
    """The cores in such a list; () if the text is no such list.

    >>> parse_core_list("0-2,5")
    (0, 1, 2, 5)
    """
    cores: list[int] = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        if not low.isdecimal() or (high and not high.isdecimal()):
            return ()
        cores += range(int(low), int(high or low) + 1)
    return tuple(cores)


def siblings(core: int) -> tuple[int, ...]:
    """All hardware threads of the core that this hardware thread belongs to; only itself if the system does not say."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return (core,)
    return parse_core_list(text) or (core,)


def cores_for(
    threads: int, usable: Sequence[int], siblings_of: Callable[[int], Sequence[int]] = siblings
) -> tuple[int, ...]:
    """The usable cores to take for so many threads; all of them if there are not more."""

    def others_before(core: int) -> int:
        return sum(other < core for other in set(siblings_of(core)) & set(usable))

    return tuple(sorted(sorted(usable, key=lambda core: (others_before(core), core))[:threads]))


def bind(threads: int) -> None:
    """Bind every thread of this process, and the threads that they will start."""
    cores = cores_for(threads, usable_cores())
    with suppress(OSError, AttributeError):  # outside Linux the frameworks' own settings must be enough
        for thread in THREADS.iterdir():
            with suppress(ProcessLookupError):  # the thread has ended; the others are bound nevertheless
                os.sched_setaffinity(int(thread.name), cores)
