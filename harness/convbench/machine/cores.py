"""Binds a worker to as many cores as it has threads: of all settings the one that every framework obeys.

No two hardware threads of one core are taken while there are other cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from convbench.machine.core_list import parse_core_list
from convbench.machine.facts import usable_cores
from convbench.machine.processor_time import THREADS


def siblings(core: int) -> tuple[int, ...]:
    """The hardware threads of the core that this one is of; only itself where the system does not tell."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return (core,)
    return parse_core_list(text) or (core,)


def cores_for(
    threads: int, usable: Sequence[int], siblings_of: Callable[[int], Sequence[int]] = siblings
) -> tuple[int, ...]:
    """So many of the usable cores, or all where there are no more."""

    def others_before(core: int) -> int:
        return sum(other < core for other in set(siblings_of(core)) & set(usable))

    return tuple(sorted(sorted(usable, key=lambda core: (others_before(core), core))[:threads]))


def bind(threads: int) -> None:
    """Bind every thread of this process, and those that they will start."""
    cores = cores_for(threads, usable_cores())
    with suppress(OSError, AttributeError):  # elsewhere than on Linux the frameworks' own settings must do
        for thread in THREADS.iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile; the others are bound nevertheless
                os.sched_setaffinity(int(thread.name), cores)
