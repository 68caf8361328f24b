"""Cold caches: copies of a case take turns, so that every call finds its inputs in memory and not in a cache.

- Copies are made until what the calls read is FACTOR times the last-level cache, so that the others have pushed a
  copy's inputs out before its turn comes again; the turns go on from one sample to the next.
- Small inputs would take thousands of copies: there are MOST_COPIES at most. Between two samples, outside the timed
  region, a buffer of that size is then walked through instead, and a sample calls no copy twice.
- Each copy has been called once before it is timed: only its data is cold, not what a framework prepares.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import cycle, islice
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.machine.aligned_memory import aligned_copy
from convbench.measure import timing
from convbench_specs import Native, PassName, Prepared, Tensors, Unsupported

FACTOR = 4
"""Times the last-level cache: caches do not evict in strict order of age."""
MOST_COPIES = 16
"""Each copy costs a preparation, which compiles where a framework does."""
HELD_FACTOR = 6
"""What a copy holds, as a multiple of its inputs: both layouts, the graph kept for backward, results."""
FREE_SHARE = 0.5
"""Of the memory that is free, for copies."""


class Rotation:
    """The copies of one case in a worker, made when they are first timed."""

    def __init__(
        self,
        prepare: Callable[[Tensors], Prepared | Unsupported],
        tensors: Tensors,
        *,
        cache_bytes: int,
        free_bytes: int,
        threads: int,
    ) -> None:
        self._prepare = prepare
        self._tensors = tensors
        self._walk_bytes = FACTOR * cache_bytes
        self._threads = threads
        read = input_bytes(tensors)
        self.copies = copies_for(read, cache_bytes, free_bytes)
        self.walks = self.copies * read < self._walk_bytes
        self._calls: dict[PassName, Any] = {}

    def warm_up(self, pass_name: PassName, *, sample_s: float, limit_s: float) -> timing.WarmUp:
        """Call one copy until it gets no faster; how many turns fill a sample.

        They are as many as there are copies at most, where a buffer is walked through between samples.
        """
        call, wait = next(self._turns(pass_name))
        warm = timing.warm_up(call, wait, sample_s=sample_s, limit_s=limit_s)
        found, _ = self.sample(pass_name, self.copies)
        loops = round(sample_s * found.loops / max(found.elapsed_s, 1e-9))
        return replace(warm, loops=max(1, min(loops, self.copies if self.walks else timing.MAX_LOOPS)))

    def sample(self, pass_name: PassName, loops: int) -> tuple[timing.Sample, Native]:
        """Time the next `loops` turns; and what the last one returned."""
        turns = list(islice(self._turns(pass_name), min(loops, self.copies) if self.walks else loops))
        if self.walks:
            list(self._walkers.map(np.sum, self._buffer))
        return timing.sample_turns(turns)

    def _turns(self, pass_name: PassName) -> Any:
        if pass_name not in self._calls:
            turns = [(_call(prepared, pass_name), prepared.wait) for prepared in self._prepared]
            for call, wait in turns:
                wait(call())
            self._calls[pass_name] = cycle(turns)
        return self._calls[pass_name]

    @cached_property
    def _prepared(self) -> list[Prepared]:
        found = [self._prepare(copy_of(self._tensors)) for _ in range(self.copies)]
        return [prepared for prepared in found if isinstance(prepared, Prepared)]

    @cached_property
    def _buffer(self) -> list[NDArray[np.uint64]]:
        """Written once: pages that never were are all the same page of zeros. A part a core, for each has caches."""
        return np.array_split(np.ones(self._walk_bytes // 8, dtype=np.uint64), self._threads)

    @cached_property
    def _walkers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads)


def input_bytes(tensors: Tensors) -> int:
    """Bytes that the pass with the smallest inputs reads: x, w and b forward, dy and w backward."""
    w, b = (0 if array is None else array.nbytes for array in (tensors.w, tensors.b))
    return min(tensors.x.nbytes + w + b, tensors.dy.nbytes + w)


def copies_for(read_bytes: int, cache_bytes: int, free_bytes: int) -> int:
    """How many copies take turns: FACTOR times the cache, but no more than MOST_COPIES and than memory has room for.

    >>> copies_for(25 * 2**20, cache_bytes=32 * 2**20, free_bytes=2**34)
    6
    >>> copies_for(100_000, cache_bytes=32 * 2**20, free_bytes=2**34)
    16
    >>> copies_for(100 * 2**20, cache_bytes=512 * 2**20, free_bytes=2**33)
    6
    """
    wanted = ceil(FACTOR * cache_bytes / max(1, read_bytes))
    room = int(FREE_SHARE * free_bytes / max(1, HELD_FACTOR * read_bytes))
    return max(1, min(wanted, MOST_COPIES, room))


def copy_of(tensors: Tensors) -> Tensors:
    """The same numbers in memory of their own, read-only like the originals."""
    arrays = {name: getattr(tensors, name) for name in ("x", "dy", "w", "b")}
    copies = {name: aligned_copy(array) for name, array in arrays.items() if array is not None}
    for array in copies.values():
        array.flags.writeable = False
    return Tensors(**copies)


def _call(prepared: Prepared, pass_name: PassName) -> timing.Call:
    call = prepared.call_of(pass_name)
    if isinstance(call, Unsupported):
        raise TypeError(call.reason)
    return call
