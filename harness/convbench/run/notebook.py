"""The progress of a run in a notebook: one bar that is redrawn in place, with the run's warnings below it.

Nothing of IPython is imported: where a notebook runs, it is there already, and where it is not there is no notebook.
What is displayed goes through the shell's own publisher, in messages that update one output
(https://jupyter-client.readthedocs.io/en/stable/messaging.html#update-display-data).
"""

from __future__ import annotations

import sys
import time
import uuid
from datetime import timedelta
from html import escape
from typing import Any

from convbench.run.observer import Observer, Silent
from convbench.run.time_left import TimeLeft

REDRAWN_EACH_S = 0.5
BAR = "height:6px;border-radius:3px;background:#3c93d9;width:{percent:.0f}%"
TRACK = "height:6px;border-radius:3px;background:rgba(128,128,128,.3);max-width:30rem;margin:.3rem 0"


def usual_observer() -> Observer:
    """A bar where this process is the kernel of a notebook, else nobody."""
    shell = _kernel_shell()
    return Silent() if shell is None else NotebookBar(shell)


def _kernel_shell() -> Any | None:
    """The shell of a notebook's kernel; None in a script or on a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


class NotebookBar:
    """A bar with what is running and the time left.

    It has no clock of its own, so that nothing moves while a worker is timed.
    """

    def __init__(self, shell: Any) -> None:  # an InteractiveShell, which has no types here
        self._publisher = shell.display_pub
        self._id = uuid.uuid4().hex
        self._time = TimeLeft(time.monotonic, 0)
        self._what = ""
        self._notes: list[str] = []
        self._is_shown = False
        self._is_over = False
        self._drawn = float("-inf")

    def begin(self, steps: int, most: int = 0, within_s: float = 0.0) -> None:
        """Show the bar."""
        self._time = TimeLeft(time.monotonic, steps, most, within_s)
        self._draw()

    def expect(self, steps: int) -> None:
        """Change the number of steps to what is known now."""
        self._time.expect(steps)

    def set_aside(self, seconds: float) -> None:
        """Set time aside for what counts no steps."""
        self._time.set_aside(seconds)

    def step(self, what: str, *, timed: bool = False) -> None:  # noqa: ARG002  # it is drawn before the timing begins
        """Name what is running; the bar is redrawn before something is timed, and then stands still."""
        self._what = what
        self._redraw()

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._time.advance(steps)
        self._redraw()

    def note(self, text: str) -> None:
        """Add a line below the bar."""
        self._notes.append(text)
        self._draw()

    def end(self) -> None:
        """Leave only the lines."""
        self._is_over = True
        self._draw()

    def _redraw(self) -> None:
        if time.monotonic() - self._drawn > REDRAWN_EACH_S:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        data = {"text/html": self._html(), "text/plain": self._plain()}
        self._publisher.publish(data, transient={"display_id": self._id}, update=self._is_shown)
        self._is_shown = True

    def _plain(self) -> str:
        return "\n".join([self._state(), *self._notes])

    def _state(self) -> str:
        if self._is_over:
            return f"convbench: ended after {self._time.elapsed_s():.0f} s"
        left_s = self._time.left_s()
        left = "" if left_s is None else f", about {timedelta(seconds=round(left_s))} left"
        return f"convbench: {self._time.share():.0%}{left}{f': {self._what}' if self._what else ''}"

    def _html(self) -> str:
        bar = f'<div style="{BAR.format(percent=100 * self._time.share())}"></div>'
        track = "" if self._is_over else f'<div style="{TRACK}" role="progressbar">{bar}</div>'
        notes = "".join(f"<div>{escape(text)}</div>" for text in self._notes)
        return f'<div style="font-size:.875rem">{escape(self._state())}{track}{notes}</div>'
