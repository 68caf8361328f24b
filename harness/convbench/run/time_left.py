"""How far a run has come and how long it will still take. Pure, apart from the clock that it is given.

- The pace is measured after the first tenth, because only before it do workers start and compile.
- A run that may add blocks fills its time with them, up to the largest number of blocks that it may have.
- What counts no steps, such as searches, has a time of its own that is set aside for it.
- The share that is done never becomes smaller, and is not the whole while something that counts no steps goes on.
"""

from __future__ import annotations

from collections.abc import Callable

MOST_SHARE = 0.99
"""That is told while something goes on that counts no steps, and may take longer than was set aside."""


class TimeLeft:
    """The time left of a run of `steps` steps.

    The run may go on to `most` steps until it has taken `within_s` seconds. `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float], steps: int, most: int = 0, within_s: float = 0.0) -> None:
        self._clock = clock
        self._steps, self._most, self._within_s = steps, max(steps, most), within_s
        self._done = 0
        self._begin = clock()
        self._first: tuple[int, float] | None = None
        self._share = 0.0
        self._aside_s, self._aside_since = 0.0, clock()

    def set_aside(self, seconds: float) -> None:
        """Set so much time aside, from now on, for what counts no steps."""
        self._aside_s, self._aside_since = seconds, self._clock()

    def expect(self, steps: int) -> None:
        """Set the number of steps to what is known now."""
        self._steps = self._most = steps

    def advance(self, steps: int) -> None:
        """Count this many more steps as done."""
        self._done += steps
        if self._first is None and 10 * self._done >= self._steps:
            self._first = self._done, self.elapsed_s()

    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._begin

    def left_s(self) -> float | None:
        """Seconds until the end of the run; None until the pace is known."""
        if self._first is None or self._first[0] == self._done:
            return None
        done, before = self._first
        pace = (self.elapsed_s() - before) / (self._done - done)
        aside = max(0.0, self._aside_s - (self._clock() - self._aside_since))
        least, most = (max(0.0, pace * (steps - self._done)) + aside for steps in (self._steps, self._most))
        return min(max(least, self._within_s - self.elapsed_s()), most)

    def share(self) -> float:
        """The share of the run that is done: of its time if the time left is known, else of its steps."""
        left, elapsed = self.left_s(), self.elapsed_s()
        if left is None:
            done = self._done / max(1, self._steps)
        else:
            done = elapsed / (elapsed + left) if elapsed + left else 1.0
        most = MOST_SHARE if self._aside_s else 1.0
        self._share = max(self._share, min(most, done))
        return self._share
