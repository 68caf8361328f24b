"""How a run goes, on the terminal: a progress bar with what is running and the time left, or plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from convbench.observer import Observer


class ProgressBar:
    """A bar on standard error, redrawn in place; a redraw of ours never runs while a worker is being timed."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}", table_column=None),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task: TaskID | None = None
        self._drawn = 0.0

    def begin(self, steps: int) -> None:
        """Show the bar."""
        self._progress.start()
        self._task = self._progress.add_task("", total=steps, what="")

    def expect(self, steps: int) -> None:
        """Scale the bar anew."""
        if self._task is not None:
            self._progress.update(self._task, total=steps)

    def step(self, what: str) -> None:
        """Name what is running."""
        if self._task is not None:
            self._progress.update(self._task, what=what)
            self._redraw()

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, steps)
            self._redraw()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text)

    def end(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def _redraw(self) -> None:
        now = time.monotonic()
        if now - self._drawn > 0.2:
            self._drawn = now
            self._progress.refresh()


class PlainLines:
    """A line each time another tenth is done, for logs and pipes.

    The time left goes by the pace since the first of them: until then all workers start and compile, later none does.
    """

    def __init__(self) -> None:
        self._steps = self._done = self._tenths = 0
        self._begin = 0.0
        self._first: tuple[int, float] | None = None

    def begin(self, steps: int) -> None:
        """Remember how much there is."""
        self._steps, self._begin = steps, time.monotonic()

    def expect(self, steps: int) -> None:
        """Reckon with these from now on; a tenth that was told is not told again."""
        self._steps = steps

    def step(self, what: str) -> None:
        """Too much for a log."""

    def advance(self, steps: int = 1) -> None:
        """Tell each tenth."""
        self._done += steps
        tenths = 10 * self._done // max(1, self._steps)
        if tenths > self._tenths:
            self._tenths = tenths
            elapsed = time.monotonic() - self._begin
            self.note(f"convbench: {10 * tenths} % after {elapsed:.0f} s{self._left(elapsed)}")

    def _left(self, elapsed: float) -> str:
        if self._first is None:
            self._first = self._done, elapsed
            return ""
        done, before = self._first
        left = (elapsed - before) / max(1, self._done - done) * (self._steps - self._done)
        return f", about {left:.0f} s left"

    def note(self, text: str) -> None:
        """A line on standard error."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # the terminal is this module's job

    def end(self) -> None:
        """Nothing to take away."""


def terminal_observer() -> Observer:
    """The bar where standard error is a terminal, else plain lines."""
    console = Console(stderr=True)
    return ProgressBar(console) if console.is_terminal else PlainLines()
