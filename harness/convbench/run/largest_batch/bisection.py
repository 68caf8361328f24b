"""The search for the largest batch size that fits into a memory limit: which batch size to try next, and when to stop.

Pure: it sees the peaks of what was tried and names the next try. Memory grows linearly with the batch, so two tries
give a line, and the third is near the limit; what the line says is never believed, only tried. Where a try goes over
the limit the search closes in from both sides, by the line or by halves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor

FIRST_BYTES = 16_000_000
"""Tensors of the first try: enough to stand out from what a process's memory varies by itself."""
GROWTH = 8
"""No try is larger than the largest that fitted by more than this factor, whatever the line says."""
RESOLUTION = 64
"""A search ends when the smallest batch that is too large is within 1/64 of the largest that fits, or next to it."""
MOST_BATCH_SIZE = 2**24


@dataclass(frozen=True, slots=True)
class Line:
    """Peak memory of a process as base + slope * batch size, in bytes."""

    base_bytes: float
    slope_bytes: float

    def largest_within(self, limit_bytes: int) -> int:
        """The batch size at which the line reaches the limit."""
        return floor((limit_bytes - self.base_bytes) / self.slope_bytes)


def first_batch_size(least_bytes: Callable[[int], int]) -> int:
    """Where to begin; `least_bytes` tells the bytes of the tensors of a batch size."""
    one = least_bytes(2) - least_bytes(1)
    return max(1, min(MOST_BATCH_SIZE, FIRST_BYTES // max(1, one)))


def line_through(peaks: Mapping[int, int]) -> Line | None:
    """The line through the two largest batch sizes that were tried; None where they do not tell of one."""
    if len(peaks) < 2:
        return None
    smaller, larger = sorted(peaks)[-2:]
    slope = (peaks[larger] - peaks[smaller]) / (larger - smaller)
    return Line(peaks[larger] - slope * larger, slope) if slope > 0 else None


def next_batch_size(peaks: Mapping[int, int], too_large: int | None, limit_bytes: int, first: int) -> int | None:
    """The batch size to try next, None when the search is over.

    `peaks` has the peak of each batch size that fitted, in bytes; `too_large` is the smallest that did not.
    """
    largest = max(peaks, default=0)
    if too_large is None:
        return _outward(peaks, largest, limit_bytes, first)
    gap = too_large - largest
    if gap <= max(1, largest // RESOLUTION):
        return None
    line = line_through(peaks)
    guess = largest + gap // 2 if line is None else line.largest_within(limit_bytes)
    step = max(1, gap // 8)  # even a line that is wrong must close the gap
    return min(max(guess, largest + step), too_large - step)


def _outward(peaks: Mapping[int, int], largest: int, limit_bytes: int, first: int) -> int | None:
    if not peaks:
        return first
    if largest >= MOST_BATCH_SIZE:
        return None
    line = line_through(peaks)
    guess = 2 * largest if line is None else line.largest_within(limit_bytes)
    return min(max(guess, largest + 1 + largest // RESOLUTION), GROWTH * largest, MOST_BATCH_SIZE)
