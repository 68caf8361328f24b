"""What the seconds of a run are spent on. What runs inside something else counts for itself alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Phase = Literal["preparing", "calling", "verifying", "timing", "memory"]
"""Starting workers and preparing cases; the calls whose results are checked, the first of which compile; data, oracle
and comparison; samples; and memory."""


class Stopwatch:
    """Seconds by phase; one phase runs at a time, the innermost."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[Phase, float] = dict.fromkeys(get_args(Phase), 0.0)
        self._clock = clock
        self._running: list[Phase] = []
        self._since = 0.0

    @contextmanager
    def spending(self, phase: Phase) -> Iterator[None]:
        """Count the seconds inside for a phase, and not for the one around it."""
        self._book()
        self._running.append(phase)
        try:
            yield
        finally:
            self._book()
            self._running.pop()

    def _book(self) -> None:
        now = self._clock()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now
