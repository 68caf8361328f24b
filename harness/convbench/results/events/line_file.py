"""A file that grows by whole lines, and that one process writes at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class LineFile:
    """Appends lines to a file, which is locked until it is closed. Its methods raise OSError where the disk refuses.

    BlockingIOError is raised where another process holds the file. On a file system without locks nobody is kept out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)  # so that closing it has nothing left to write
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        except OSError:  # a file system without locks: as good as it gets there
            pass

    def clear(self) -> None:
        """Remove all lines."""
        self._file.truncate(0)

    def keep_whole_lines(self) -> bytes:
        """Remove a last line that was cut short; returns the last whole one, empty where there is none."""
        whole = self.path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        return whole[whole.rfind(b"\n", 0, -1) + 1 :]

    def append(self, line: bytes) -> None:
        """Write a line; it is in the file when this returns."""
        while line:
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Have the disk hold what was written, so that not even a power cut loses it."""
        os.fsync(self._file.fileno())

    def is_in_place(self) -> bool:
        """Whether the path still leads to this file."""
        return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())

    def close(self) -> None:
        """Close it, and let others have it."""
        self._file.close()
