"""Finding the largest batch sizes: a case in a pass, or a whole network, at a time, in a worker under a watchdog.

- The limit is on the whole resident memory of the worker, its framework included, as a container would count it.
- What a try does is in workers/attempts.py.
- Whatever runs out of memory, by exception, by the watchdog or by the kernel, is an answer and not an end.
- A search that would go beyond its time ends with what it has: "at least".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Self

from convbench.machine.facts import free_bytes
from convbench.measure.memory import can_reset_peak
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.results.events.schema import LargestBatchFound
from convbench.run.largest_batch.bisection import first_batch_size, line_through, next_batch_size
from convbench.run.largest_batch.subjects import Subject
from convbench.run.largest_batch.watchdog import Watchdog
from convbench.run.progress import Doing
from convbench.text.units import format_bytes
from convbench.workers import protocol
from convbench.workers.environment import PINNED_ALLOCATOR
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered
from convbench.workers.process import WorkerProcess, settings_of

RESERVE_BYTES = 512_000_000
RESERVE_SHARE = 0.1
"""Left to the rest of the machine: the larger of the two, the second a share of what is free."""
RETAINED_BYTES = 64_000_000
"""A worker that keeps more than this after a try is replaced: the next try must not pay for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestBatch:
    """What a search found; the fields are those of the event LargestBatchFound."""

    status: Status
    reason: str
    largest_batch_size: int | None = None
    too_large: int | None = None
    peak_bytes: int | None = None
    bytes_an_instance: float | None = None
    limit_bytes: int
    tries: int


@dataclass(slots=True)
class _Tried:
    """What a search knows."""

    first: int
    peaks: dict[int, int] = field(default_factory=dict)
    too_large: int | None = None
    tries: int = 0
    over: str = ""
    seconds_an_instance: float = 0.0

    def refuse(self, batch_size: int, why: str) -> None:
        self.too_large, self.over = batch_size, why


def safe_limit(asked_bytes: int) -> tuple[int, str]:
    """The limit to search within, and what to tell where it is not the one that was asked for (0: none was)."""
    free = free_bytes()
    most = free - reserve_bytes(free)
    if asked_bytes <= most:
        return asked_bytes or most, ""
    return most, (
        f"the memory limit of {format_bytes(asked_bytes)} is too high, because only {format_bytes(free)} are free: the "
        f"largest batch is searched within {format_bytes(most)}"
    )


def reserve_bytes(free: int) -> int:
    """What a search leaves to the rest of the machine."""
    return max(RESERVE_BYTES, int(free * RESERVE_SHARE))


class Searcher:
    """Searches of one backend, all in its worker, which ends with the with statement.

    `patience_s` tells how long the run can still wait for an answer.
    """

    def __init__(
        self,
        registered: Registered,
        settings: RunSettings,
        limit_bytes: int,
        *,
        log: Path,
        scratch: Path,
        patience_s: Callable[[], float] = lambda: inf,
    ) -> None:
        self._backend = registered.backend.name
        self._worker = WorkerProcess(
            registered,
            settings_of(registered, settings, scratch),
            log=log,
            timeout_s=settings.timeout_s,
            purpose=PINNED_ALLOCATOR,
            patience_s=patience_s,
        )
        self._limit = limit_bytes
        self._search_s = settings.search_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop()

    def event(self, subject: Subject, found: LargestBatch) -> LargestBatchFound:
        """The event for what was found."""
        return LargestBatchFound(
            workload=subject.workload,
            case=subject.case,
            dtype=subject.dtype,
            backend=self._backend,
            pass_name=subject.pass_name,
            **asdict(found),
        )

    def skipped(self, reason: str) -> LargestBatch:
        """What a search has that is not begun."""
        return LargestBatch(status=Status.SKIPPED, reason=reason, limit_bytes=self._limit, tries=0)

    def find(self, subject: Subject, search_s: float) -> Generator[Doing, None, LargestBatch]:
        """Search for one subject, for so many seconds; yields what it tries."""
        self._search_s = search_s
        if not can_reset_peak():
            self._worker.stop()  # the peak of a process can only be read whole: each search needs a fresh one
        tried, begin = _Tried(first=first_batch_size(subject.least_bytes)), time.monotonic()
        while (batch_size := next_batch_size(tried.peaks, tried.too_large, self._limit, tried.first)) is not None:
            if subject.least_bytes(batch_size) > self._limit:
                tried.refuse(batch_size, "its tensors alone are over the limit")
                continue
            left = self._search_s - (time.monotonic() - begin)
            if tried.peaks and tried.seconds_an_instance * batch_size > left:
                return self._found(Status.AT_LEAST, f"the search ends after {self._search_s:.3g} s", tried)
            yield Doing(f"largest batch of {self._backend}, {subject.label}: trying {batch_size:,}")
            ended = self._try(subject, batch_size, tried)
            if ended is not None:
                return ended
        if not tried.peaks:
            return self._found(Status.OUT_OF_MEMORY, f"a batch of one: {tried.over}", tried)
        return self._found(Status.OK if tried.too_large else Status.AT_LEAST, tried.over, tried)

    def _try(self, subject: Subject, batch_size: int, tried: _Tried) -> LargestBatch | None:
        """One try; a LargestBatch where it ends the search."""
        tried.tries += 1
        with self._watched() as watchdog:
            reply = watchdog if isinstance(watchdog, Failure) else self._ask(subject, batch_size)
        tripped = "" if isinstance(watchdog, Failure) else watchdog.tripped
        if isinstance(reply, Failure):
            if tripped or reply.status is Status.OUT_OF_MEMORY or "SIGKILL" in reply.reason:
                tried.refuse(batch_size, tripped or reply.reason)
                return None
            if reply.status is Status.TIMED_OUT and not tried.peaks and batch_size > 1:
                tried.first = 1  # a slow backend: begin again with what must be quick
                return None
            return self._ended(reply.status, reply.reason, tried)
        if reply.peak_bytes > self._limit:
            tried.refuse(batch_size, f"it reached {format_bytes(reply.peak_bytes)}")
        else:
            tried.peaks[batch_size] = reply.peak_bytes
            tried.seconds_an_instance = reply.elapsed_s / batch_size
        self._renew(reply)
        return None

    def _ended(self, status: Status, why: str, tried: _Tried) -> LargestBatch:
        return self._found(Status.AT_LEAST if tried.peaks else status, why, tried)

    def _ask(self, subject: Subject, batch_size: int) -> protocol.Attempted | Failure:
        return self._worker.request(subject.request(batch_size), timeout_s=max(self._search_s, 1.0))

    @contextmanager
    def _watched(self) -> Iterator[Watchdog | Failure]:
        """A watchdog on the running worker, or why there is none."""
        failure = None if self._worker.is_running else self._worker.start()
        pid = self._worker.pid
        if failure is not None or pid is None:
            yield failure or Failure(Status.CRASHED, "the worker did not start")
            return
        least_free = reserve_bytes(free_bytes()) // 2
        with Watchdog(pid, self._limit, free_bytes=free_bytes, least_free_bytes=least_free) as watchdog:
            yield watchdog

    def _renew(self, reply: protocol.Attempted) -> None:
        """Replace a worker that keeps much of what a try needed, such as one with an arena."""
        if reply.resident_bytes > reply.before_bytes + RETAINED_BYTES:
            self._worker.stop()

    def _found(self, status: Status, reason: str, tried: _Tried) -> LargestBatch:
        largest = max(tried.peaks, default=None)
        ends = {size: tried.peaks[size] for size in (min(tried.peaks), max(tried.peaks))} if tried.peaks else {}
        line = line_through(ends)
        return LargestBatch(
            status=status,
            reason=reason,
            largest_batch_size=largest,
            too_large=tried.too_large,
            peak_bytes=None if largest is None else tried.peaks[largest],
            bytes_an_instance=line.slope_bytes if line else None,
            limit_bytes=self._limit,
            tries=tried.tries,
        )
