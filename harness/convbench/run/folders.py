"""Folders that nobody else has, for what a call leaves."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path

from convbench.errors import UsageError


def new_folder(parent: Path, what: str) -> Path:
    """Make the folder parent/what-DATE-TIME, which nobody else has: where that name is taken, with -2, -3, ... behind.

    UsageError where it cannot be made.
    """
    stamp = f"{what}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
            try:
                folder.mkdir()  # fails where it exists: of two runs that begin in the same second, one gets the name
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(f"cannot make a folder in {parent}: {error.strerror or error}") from error
    raise AssertionError("numbers do not end")
