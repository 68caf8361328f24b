"""How far a run is, and how long it will go on. Pure but for the clock that it is given.

- The pace is that since the first tenth: until then all workers start and compile, later none does.
- A run that adds blocks fills its time with them, until there are as many as it may have.
- What was told does not go back.
"""

from __future__ import annotations

from collections.abc import Callable


class TimeLeft:
    """Of a run of `steps`, and up to `most` as long as it is not within_s old; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float], steps: int, most: int = 0, within_s: float = 0.0) -> None:
        self._clock = clock
        self._steps, self._most, self._within_s = steps, max(steps, most), within_s
        self._done = 0
        self._begin = clock()
        self._first: tuple[int, float] | None = None
        self._share = 0.0

    def expect(self, steps: int) -> None:
        """There will be so many, as is known now."""
        self._steps = self._most = steps

    def advance(self, steps: int) -> None:
        """So many more are done."""
        self._done += steps
        if self._first is None and 10 * self._done >= self._steps:
            self._first = self._done, self.elapsed_s()

    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._begin

    def left_s(self) -> float | None:
        """Seconds until its end; None as long as there is no pace."""
        if self._first is None or self._first[0] == self._done:
            return None
        done, before = self._first
        pace = (self.elapsed_s() - before) / (self._done - done)
        least, most = (max(0.0, pace * (steps - self._done)) for steps in (self._steps, self._most))
        return min(max(least, self._within_s - self.elapsed_s()), most)

    def share(self) -> float:
        """Of the run, done: of its time where its end is in sight, else of its steps."""
        left, elapsed = self.left_s(), self.elapsed_s()
        if left is None:
            done = self._done / max(1, self._steps)
        else:
            done = elapsed / (elapsed + left) if elapsed + left else 1.0
        self._share = max(self._share, min(1.0, done))
        return self._share
