"""What a process of a plug-in prints: its host reads it from a pipe, so that no log grows without end.

A file keeps the beginning, up to MOST_BYTES for all processes that print into it; of a process that prints more it
keeps the last words, too, and a line between them says how much was cut.
"""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 1_000_000
LAST_BYTES = 4_000
CHUNK_BYTES = 2**16
CLOSING_S = 1.0
"""What holds the pipe longer than its process lived has nothing to say any more."""


class Log:
    """Reads what is printed into `pipe` until `close`; OSError where there is no descriptor left for a pipe."""

    def __init__(self, path: Path) -> None:
        self._reading, self.pipe = os.pipe()
        """`pipe` is the end to print into; whoever starts the process closes it here by `started`."""
        self._lock = threading.Lock()
        self._file, written = _opened(path)
        self._room = max(0, MOST_BYTES - written)
        self._last, self._cut = b"", 0
        self._thread = threading.Thread(target=self._read, name=f"log {path.name}", daemon=True)

    def started(self) -> None:
        """The process has the pipe: begin to read."""
        os.close(self.pipe)
        self._thread.start()

    def last_line(self) -> str:
        """The last line that was printed before the process ended; empty where there was none."""
        self._thread.join(CLOSING_S)
        with self._lock:
            lines = self._last.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """Write the last words of what was cut; the process has ended."""
        if self._thread.ident is None:  # nothing was started
            os.close(self.pipe)
            os.close(self._reading)
        else:
            self._thread.join(CLOSING_S)
        with self._lock:
            if self._cut:
                tail = self._last[-min(self._cut, LAST_BYTES) :]
                self._write(f"\n[convbench: {self._cut - len(tail):,} bytes were cut]\n".encode() + tail + b"\n")
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _read(self) -> None:
        while chunk := os.read(self._reading, CHUNK_BYTES):
            with self._lock:
                self._write(chunk[: self._room])
                self._cut += max(0, len(chunk) - self._room)
                self._room = max(0, self._room - len(chunk))
                self._last = (self._last + chunk)[-LAST_BYTES:]
        os.close(self._reading)

    def _write(self, data: bytes) -> None:
        if self._file is not None and data:
            with suppress(OSError):  # a full disk: what it prints is lost, the pipe is emptied nevertheless
                os.write(self._file, data)


def _opened(path: Path) -> tuple[int | None, int]:
    """The file to append to and how long it is; None where a plug-in has removed its folder or put a pipe there."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW, 0o666)
    except OSError:
        return None, 0
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        return None, 0
    return file, found.st_size
