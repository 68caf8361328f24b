"""A backend that forks its process and returns in the copy too: the copy must neither answer nor compute on.

Forking by itself is allowed: pools of processes do it, and their children never come back to us.
"""

from __future__ import annotations

import mmap
import os
import socket
import time

WHAT_IS_WRONG = "it forked its process and came back in the copy as well: end a child with os._exit"
PATIENCE_S = 0.5
"""A copy that comes back does so about when the original does."""
POLL_S = 0.002
_FORKED, _CAME_BACK = 0, 1
# bound here: a plug-in may change these modules in its own process
_pid, _exit, _sleep, _clock = os.getpid, os._exit, time.sleep, time.monotonic


class Watch:
    """Watches over the forks of this process; in copies of it the connection is closed at once."""

    def __init__(self, connection: socket.socket) -> None:
        self._own = _pid()
        self._told = mmap.mmap(-1, 2)
        """Shared with the copies: whether there was a fork, and whether a copy came back."""

        def in_copy() -> None:
            self._told[_FORKED] = 1
            connection.close()

        os.register_at_fork(after_in_child=in_copy)

    def end_copies(self) -> None:
        """End this process if it is a copy."""
        if _pid() != self._own:
            self._told[_CAME_BACK] = 1
            _exit(0)

    def saw_a_copy(self) -> bool:
        """Whether a copy came back since the last time; waits a little for one where there was a fork."""
        deadline = _clock() + PATIENCE_S
        while self._told[_FORKED] and not self._told[_CAME_BACK] and _clock() < deadline:
            _sleep(POLL_S)
        found = bool(self._told[_CAME_BACK])
        self._told[_FORKED] = self._told[_CAME_BACK] = 0
        return found
