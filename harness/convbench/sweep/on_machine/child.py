"""Starts the process that measures, so that it never outlives the one that started it.

A worker of a cluster may be killed at any time, and its child would go on measuring beside the next job (as
dask/distributed#212 has it). So the child is started as `python -m convbench.sweep.on_machine.child PARENT COMMAND...`:
it asks the kernel to be killed when its parent dies, and then becomes the command. The processes of convbench compare
do the same for themselves.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_S = 0.2
PATIENCE_S = 20.0
"""A command that was asked to end may take so long to write down how far it came."""


def run_child(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    held: int,
    should_end: Callable[[], str],
) -> int | str:
    """Run a command in a folder and return its exit code, negative after a signal; or why it was ended.

    What it prints goes to `log`. It holds the descriptor `held` open as long as it lives. It is ended, first by Ctrl-C
    and then by force, when `should_end` gives a reason.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-P", "-m", __name__, str(os.getpid()), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[held],
            process_group=0,
        )
        try:
            return _watched(process, should_end)
        finally:
            _kill(process)


def _watched(process: subprocess.Popen[bytes], should_end: Callable[[], str]) -> int | str:
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=POLL_S)
        if reason := should_end():
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE_S)
            return reason


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(printed: str) -> str:
    r"""What a command said last: its own line about an error, else its last line.

    >>> last_words("convbench: no such file\nTraceback\n")
    'no such file'
    """
    told = [line for line in printed.splitlines() if line.strip()]
    errors = [line.partition("convbench: ")[2] for line in told if line.startswith("convbench: ")]
    return (errors or told or [""])[-1]


def main() -> None:
    """Become the command of the arguments, bound to the life of the parent."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    with suppress(OSError, AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it was watched
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)
    os.execv(command[0], command)  # noqa: S606  # ourselves


if __name__ == "__main__":
    main()
