"""The journal of a training: an event a line, appended and flushed as it happens.

The lines have checksums as those of a run have, see results/events/lines.py. The file is locked while it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from convbench.errors import RunError, UsageError
from convbench.results.events.line_file import LineFile
from convbench.results.events.lines import check_line, checksum_of, sealed
from convbench.results.training.events import AnyEvent
from convbench.results.training.header import HEADER, TrainingHeader, write_header

JOURNAL = "journal.jsonl"
ENTRANTS = "entrants"


class TrainingJournal:
    """The writer of a folder, to be used in a with statement. UsageError where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checksum = 0
        try:
            self._file = LineFile(folder / JOURNAL)
        except BlockingIOError as error:
            raise UsageError(f"another training is being written to {folder}: name another folder") from error
        except OSError as error:
            raise _cannot_write(folder, error) from error

    @classmethod
    def begin(cls, folder: Path, header: TrainingHeader) -> Self:
        """Make the folder of a new training; UsageError where it holds one already."""
        if (folder / HEADER).exists():
            raise UsageError(f"{folder} holds a training already; name another --output or remove it")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal = cls(folder)
            journal._file.clear()
            write_header(folder, header)  # last and whole: a folder that has a header can be resumed
        except OSError as error:
            raise _cannot_write(folder, error) from error
        return journal

    @classmethod
    def go_on(cls, folder: Path) -> Self:
        """Append to the journal of a training that was cut short; its unfinished last line goes."""
        journal = cls(folder)
        try:
            last = journal._file.keep_whole_lines()
        except OSError as error:
            raise _cannot_write(folder, error) from error
        journal._checksum = checksum_of(last) or 0
        return journal

    def write(self, event: AnyEvent) -> None:
        """Append one event; it is in the file when this returns. UsageError where the disk does not take it."""
        line, self._checksum = sealed(msgspec.to_builtins(event), self._checksum)
        try:
            self._file.append(line)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def sync(self) -> None:
        """Have the disk hold what was written."""
        try:
            self._file.sync()
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_events(folder: Path) -> Iterator[AnyEvent]:
    """The events of a training in order, without a last line that was cut short; RunError where one is damaged."""
    checksum = 0
    try:
        with (folder / JOURNAL).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    checksum = check_line(line, checksum, required=True)
                    # not strict: a loss that is no number is a string, as JSON has none
                    yield msgspec.json.decode(line, type=AnyEvent, strict=False)
                except (ValueError, RecursionError) as error:
                    if not line.endswith(b"\n"):
                        return
                    raise RunError(f"{folder / JOURNAL} is damaged at line {number}: {error}") from error
    except OSError as error:
        raise RunError(f"{folder} holds no training: cannot read {JOURNAL}: {error.strerror or error}") from error


def _cannot_write(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to the output folder {folder}: {error.strerror or error}")
