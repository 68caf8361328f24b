"""The progress of a run: on a terminal a bar with what is running and the time left, elsewhere plain lines."""

from __future__ import annotations

import sys
import threading
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from convbench.report.console import plain_console
from convbench.run.observer import Observer
from convbench.run.time_left import TimeLeft

REDRAWN_EACH_S = 0.2
TICK_S = 1.0
"""The elapsed time goes on that often where nothing happens, as in a long search."""
BAR_WIDTH = 12


class ProgressBar:
    """A bar on standard error that is redrawn in place, but never while a worker is being timed.

    Else it is redrawn each second by a thread of its own, so that its clock goes on.
    """

    def __init__(self, console: Console) -> None:
        room = console.width - len(" 100 % 0:00:00 0:00:00 left ") - BAR_WIDTH  # so that the times are never cut
        what = Column(no_wrap=True, overflow="ellipsis", max_width=max(1, room))
        self._progress = Progress(
            BarColumn(bar_width=BAR_WIDTH),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[what]}", table_column=what, markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, start=False, what="", left="")
        self._time = TimeLeft(time.monotonic, 0)
        self._drawn = 0.0
        self._timed = False
        self._over = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="progress bar", daemon=True)

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """Show the bar."""
        self._time = TimeLeft(time.monotonic, steps, most, within_s)
        self._progress.start()
        self._progress.start_task(self._task)
        self._ticking.start()

    def expect(self, steps: int) -> None:
        """Change the number of steps to what is known now."""
        self._time.expect(steps)

    def set_aside(self, seconds: float) -> None:
        """Set time aside for what counts no steps."""
        self._time.set_aside(seconds)

    def step(self, what: str, *, timed: bool = False) -> None:
        """Name what is running; while it is `timed` the bar stands still."""
        self._timed = timed
        self._progress.update(self._task, what=what)
        self._redraw()

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._time.advance(steps)
        self._redraw()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(Text(text), soft_wrap=True)  # numbers and commands in it are not broken

    def end(self) -> None:
        """Remove the bar."""
        self._over.set()
        self._progress.stop()

    def _tick(self) -> None:
        while not self._over.wait(TICK_S):
            if not self._timed:
                self._redraw()

    def _redraw(self) -> None:
        now = time.monotonic()
        if now - self._drawn <= REDRAWN_EACH_S:
            return
        self._drawn = now
        left_s = self._time.left_s()
        left = "" if left_s is None else f"{timedelta(seconds=round(left_s))} left"
        self._progress.update(self._task, completed=self._time.share(), left=left, refresh=True)


class PlainLines:
    """One line each time another tenth is done, for logs and pipes."""

    def __init__(self) -> None:
        self._time = TimeLeft(time.monotonic, 0)
        self._tenths = 0

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """Remember how many steps there are."""
        self._time = TimeLeft(time.monotonic, steps, most, within_s)

    def expect(self, steps: int) -> None:
        """Change the number of steps to what is known now."""
        self._time.expect(steps)

    def set_aside(self, seconds: float) -> None:
        """Set time aside for what counts no steps."""
        self._time.set_aside(seconds)

    def step(self, what: str, *, timed: bool = False) -> None:
        """Ignore it: one line for each step would be too much for a log."""

    def advance(self, steps: int = 1) -> None:
        """Print a line if another tenth is done."""
        self._time.advance(steps)
        tenths = int(10 * self._time.share())
        if tenths > self._tenths:
            self._tenths = tenths
            left_s = self._time.left_s()
            left = "" if left_s is None else f", about {left_s:.0f} s left"
            self.note(f"convbench: {10 * tenths} % after {self._time.elapsed_s():.0f} s{left}")

    def note(self, text: str) -> None:
        """Print a line on standard error."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # the terminal is this module's job

    def end(self) -> None:
        """Do nothing: there is nothing to remove."""


def terminal_observer() -> Observer:
    """The bar if standard error is a terminal, else plain lines."""
    console = plain_console(stderr=True)
    return ProgressBar(console) if console.is_terminal else PlainLines()
