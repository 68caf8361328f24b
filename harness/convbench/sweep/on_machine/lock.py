"""One sweep measures on a machine at a time: a lock on a file that all processes of the machine know.

The lock is the kernel's (flock): it goes when the last process that holds the file open has ended, however it ends. The
process that measures inherits it, so it stays as long as anything is computed. Containers that share a machine have a
/tmp each: the variable CONVBENCH_MACHINE_LOCK may name a file that they share.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

VARIABLE = "CONVBENCH_MACHINE_LOCK"
USUAL = "/tmp/convbench-machine.lock"  # noqa: S108  # the same for all users, who could not agree on another folder
LONGEST_HOLDER = 200


def lock_path() -> Path:
    """The file that is locked on this machine."""
    return Path(os.environ.get(VARIABLE) or USUAL)


class MachineLock:
    """The lock, open and not yet taken, to be used in a with statement. OSError where the file cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.descriptor = _opened(path)

    def take(self, holder: str) -> bool:
        """Take the lock in the name of `holder`; False where somebody else has it."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with suppress(OSError):  # another user's file: who holds it is not told then
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, holder.encode()[:LONGEST_HOLDER], 0)
        return True

    def holder(self) -> str:
        """Who has the lock, as far as the file tells."""
        try:
            return os.pread(self.descriptor, LONGEST_HOLDER, 0).decode(errors="replace")
        except OSError:
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)


def _opened(path: Path) -> int:
    """The file, made where there is none so that every user can lock it. A link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        os.fchmod(descriptor, 0o666)  # whatever the mask of this user
    except FileExistsError:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except PermissionError:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return descriptor
