"""Threads that share a batch, and the BLAS library under them.

NumPy lets go of the interpreter lock in copies, sums and matrix products, so plain threads use all cores for all of a
pass, where a threaded BLAS uses them for the products alone.

Rules: parts are contiguous and follow from the number of threads alone, so that a result is the same bits from run to
run. Either the threads share the parts and BLAS takes one thread in each, or one thread runs and BLAS takes them all;
never both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Protocol, TypeVar

T = TypeVar("T")

SMALL_WORK = 1_000_000
"""Multiply-adds, or elements read, under which to wake another thread takes longer than it saves."""


class BlasLibrary(Protocol):
    """What is needed of a library that threadpoolctl found."""

    def set_num_threads(self, num_threads: int) -> object:
        """Threads for each product from now on."""


class Crew:
    """`threads` threads, the caller's own among them."""

    def __init__(self, threads: int, libraries: Iterable[BlasLibrary] = ()) -> None:
        self.threads = threads
        self._libraries = tuple(libraries)
        self._others = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def share(self, task: Callable[[range], T], count: int, *, work: int) -> list[T]:
        """Call task on a part of range(count) in each thread; what they return, in the order of the parts.

        With fewer items than threads, or little work, there is one part, and the products in it are threaded.
        """
        if self._others is None or count < self.threads or work < SMALL_WORK:
            return [self.alone(lambda: task(range(count)))]
        self._set_blas_threads(1)
        bounds = pairwise(count * part // self.threads for part in range(self.threads + 1))
        own, *parts = [range(start, stop) for start, stop in bounds]
        others = [self._others.submit(task, part) for part in parts]
        return [task(own), *(other.result() for other in others)]

    def alone(self, task: Callable[[], T]) -> T:
        """What task returns, run by the caller's thread, with its products threaded."""
        self._set_blas_threads(self.threads)
        return task()

    def _set_blas_threads(self, threads: int) -> None:
        for library in self._libraries:
            library.set_num_threads(threads)
