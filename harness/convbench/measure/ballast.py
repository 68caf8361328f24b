"""Resident memory that stands for what others hold: the rest of a network while one of its layers is at work."""

from __future__ import annotations

import mmap
from types import TracebackType
from typing import Self


class Ballast:
    """Anonymous pages of this process that were written, so that they are resident; freed with the with statement."""

    def __init__(self) -> None:
        # private: shared anonymous memory cannot grow beyond its first size
        self._pages = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pages.close()

    def hold(self, size: int) -> None:
        """Be this many bytes, rounded up to whole pages, one at least; MemoryError where there is no room."""
        before, pages = len(self._pages), max(1, -(-size // mmap.PAGESIZE))
        try:
            self._pages.resize(pages * mmap.PAGESIZE)
        except OSError as error:
            raise MemoryError(f"no room for {size} bytes") from error
        if len(self._pages) > before:
            self._pages[before :: mmap.PAGESIZE] = bytes([1]) * ((len(self._pages) - before) // mmap.PAGESIZE)
