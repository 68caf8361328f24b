"""Processes that a plug-in's process left behind: those that left its group are found by an inherited variable."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

VARIABLE = "CONVBENCH_PROCESS"


def new_mark() -> dict[str, str]:
    """The variable to start a process with, so that those which descend from it can be told from all others."""
    return {VARIABLE: secrets.token_hex(16)}


def end_marked(mark: dict[str, str]) -> int:
    """Kill every process that was started with the mark; how many there were. None is found where there is no /proc."""
    wanted = f"{VARIABLE}={mark[VARIABLE]}".encode()
    ended: set[int] = set()
    while found := [pid for pid in _marked(wanted) if pid not in ended]:  # those that were started meanwhile, too
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended.update(found)
    return len(ended)


def _marked(wanted: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # of another user, or gone
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
