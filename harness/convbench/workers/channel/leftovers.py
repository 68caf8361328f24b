"""Processes that a plug-in's process left behind, also those that left its group.

While it lives they descend from it, as it takes in its orphans (see serving.py); of one that has died by itself they
are found by an inherited variable. One that is in a session of its own was meant to stay: it is named.
"""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

from convbench.text.foreign import clean

VARIABLE = "CONVBENCH_PROCESS"


def new_mark() -> dict[str, str]:
    """The variable to start a process with, so that those which descend from it can be told from all others."""
    return {VARIABLE: secrets.token_hex(16)}


def end_marked(mark: dict[str, str]) -> set[str]:
    """Kill every process that was started with the mark; the names of those in sessions of their own.

    None is found where there is no /proc.

    It looks again until nothing new is seen: one that ends while it is looked at may just have started another.
    """
    wanted = f"{VARIABLE}={mark[VARIABLE]}".encode()
    ended: set[int] = set()
    gone: set[int] = set()
    names: set[str] = set()
    while True:
        found, ending = _marked(wanted)
        if found <= ended and ending <= gone:
            return names
        for pid in found:
            names |= _kill(pid)
        ended |= found
        gone |= ending


def end_descendants(pid: int) -> set[str]:
    """Kill every process that descends from this one; the names of those in sessions of their own.

    None is found where there is no /proc.

    It looks again until none is left alive: the process itself should be stopped, or it may go on to start others.
    """
    ended: set[int] = set()
    names: set[str] = set()
    while found := _descendants(pid) - ended:
        for each in found:
            names |= _kill(each)
        ended |= found
    return names


def _kill(pid: int) -> set[str]:
    """Kill a process; its name, if its session is not ours."""
    names = set()
    with suppress(OSError):
        if os.getsid(pid) != os.getsid(0):
            names = {clean(Path(f"/proc/{pid}/comm").read_text(errors="replace"))}
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    return names


def _descendants(pid: int) -> set[int]:
    """Those that have not ended yet."""
    children: dict[int, list[int]] = {}
    ended = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(int(entry.name))
            if state in "ZX":
                ended.add(int(entry.name))
    found: set[int] = set()
    new = children.get(pid, [])
    while new:
        found |= set(new)
        new = [child for parent in new for child in children.get(parent, ())]
    return found - ended


def _marked(wanted: bytes) -> tuple[set[int], set[int]]:
    """The processes that have a variable, and those that end or have ended, whose variables cannot be told."""
    found, ending = set(), set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes()
        except PermissionError:  # another user's
            continue
        except OSError:
            variables = b""
        if not variables:
            ending.add(int(entry.name))
        elif wanted in variables.split(b"\0"):
            found.add(int(entry.name))
    return found, ending
