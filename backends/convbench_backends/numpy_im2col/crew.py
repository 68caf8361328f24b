"""Threads that share a batch, and the BLAS library under them.

NumPy lets go of the interpreter lock in copies, sums and matrix products, so plain threads use all cores for all of a
pass, where a threaded BLAS uses them for the products alone. Rules: parts are contiguous and fixed by the number of
threads, so that results are the same bits from run to run; either the threads share the parts and BLAS takes one
thread in each, or one thread runs and BLAS takes them all, never both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")

SMALL_WORK = 500_000
"""Multiply-adds, or elements touched, under which handing a part to another thread costs more than it saves."""


class BlasLibrary(Protocol):
    """What threadpoolctl knows of one loaded library."""

    def set_num_threads(self, num_threads: int) -> object:
        """Threads that each product may use from now on."""


class Crew:
    """`threads` threads, the caller's among them."""

    def __init__(self, threads: int, libraries: Sequence[BlasLibrary] = ()) -> None:
        self.threads = threads
        self._libraries = libraries
        self._others = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def share(self, task: Callable[[range], T], count: int, *, work: int) -> list[T]:
        """Run task on parts of range(count), one a thread, and return what they returned, in order.

        With fewer items than threads, or little work, there is one part and the products are threaded instead.
        """
        if self._others is None or count < self.threads or work < SMALL_WORK:
            self._limit_blas(self.threads)
            return [task(range(count))]
        self._limit_blas(1)
        bounds = [count * part // self.threads for part in range(self.threads + 1)]
        parts = [range(low, high) for low, high in zip(bounds, bounds[1:], strict=False)]
        others = [self._others.submit(task, part) for part in parts[1:]]
        return [task(parts[0]), *(other.result() for other in others)]

    def _limit_blas(self, threads: int) -> None:
        for library in self._libraries:
            library.set_num_threads(threads)
