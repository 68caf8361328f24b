"""A watchdog on a worker's memory: it kills the worker that grows beyond a limit, before the machine runs short.

A limit on address space (RLIMIT_AS) will not do: frameworks reserve much more than they use. So resident memory is
watched from the host, which a worker in the middle of a kernel cannot keep from looking.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from convbench.text.units import format_bytes

LOOK_S = 0.002
"""Between two looks a kernel can touch about 20 MB more."""
LOOKS_A_FREE = 25
"""Free memory of the machine costs more to read: one look in so many."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watchdog:
    """Watches one process inside a with statement; `tripped` says afterwards why it was killed, or is empty.

    `free_bytes` tells what the machine has left; less than `least_free_bytes` of it trips the watchdog as well.
    """

    def __init__(self, pid: int, limit_bytes: int, *, free_bytes: Callable[[], int], least_free_bytes: int) -> None:
        self.tripped = ""
        self._pid = pid
        self._limit = limit_bytes
        self._free = free_bytes
        self._least_free = least_free_bytes
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        while not self._done.wait(LOOK_S):
            looks += 1
            why = self._over(look_at_free=looks % LOOKS_A_FREE == 0)
            if why:
                self.tripped = why
                with suppress(ProcessLookupError, PermissionError):  # it ended by itself
                    os.kill(self._pid, signal.SIGKILL)
                return

    def _over(self, *, look_at_free: bool) -> str:
        resident = resident_of(self._pid)
        if resident > self._limit:
            return f"it reached {format_bytes(resident)}, over the limit of {format_bytes(self._limit)}"
        if look_at_free and self._free() < self._least_free:
            return f"less than {format_bytes(self._least_free)} of the machine's memory was left"
        return ""


def resident_of(pid: int) -> int:
    """Resident memory of a process in bytes; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
