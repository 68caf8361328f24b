"""What can become of a cell, of a search and of a backend. Every status stands here and nowhere else."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of a cell, or of a search for the largest batch; its value is what files and reports hold."""

    OK = "ok"
    WRONG = "wrong"
    ERROR = "error"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    NOT_REACHED = "not reached"
    """Only a run that was interrupted has such cells."""
    AT_LEAST = "at least"
    """Only searches: time ended the search, what was found is a lower bound."""


class BackendStatus(StrEnum):
    """Whether a backend can take part in a run."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    """Its plug-in could not be used."""


CELL_STATUSES = tuple(status for status in Status if status is not Status.AT_LEAST)
"""Every status of a cell; behind ok, the most alarming first."""
FAILED = (Status.ERROR, Status.CRASHED, Status.TIMED_OUT)
"""A backend failed in the cell: it is not wrong, for there is no result."""
FAULTY = (Status.WRONG, *FAILED, Status.OUT_OF_MEMORY)
"""Cells that come with a command that shows them again."""
LEFT_OUT = (Status.SKIPPED, Status.UNSUPPORTED, Status.UNAVAILABLE)
"""The cell was not tried; nothing is at fault."""
