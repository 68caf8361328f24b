"""The run folder: run.json says what was asked and where, journal.jsonl what happened, a line an event.

The journal is the truth: it is appended and flushed as things happen, and everything else is derived from it. A line
that a killed run left unfinished is ignored; any other damage is found by the checksums of the lines. Loading executes
nothing. What can happen is declared in schema.py. A change of the format that an older reader would misread raises
SCHEMA_VERSION; folders of every older version stay readable. The journal is locked while a run writes it, so that no
other run begins or goes on in the same folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from convbench.errors import RunError, UsageError
from convbench.results.events.header import HEADER, Header, read_header, seal_of, write_header
from convbench.results.events.line_file import LineFile
from convbench.results.events.lines import check_line, checksum_of, to_event, to_line
from convbench.results.events.schema import CHAINED_SINCE, SEALED_SINCE, Event, Recorded
from convbench.results.events.schema_1 import OldEvent

JOURNAL = "journal.jsonl"
PICTURES = "pictures"
LOGS = "logs"


class Journal:
    """The writer of a run folder, to be used in a with statement."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of a folder, which no other run may hold."""
        self.folder = folder
        self._checksum = 0
        try:
            self._file = LineFile(folder / JOURNAL)
        except BlockingIOError as error:
            raise UsageError(
                f"another run is being written to {folder}: wait for it, or name another folder"
            ) from error
        except OSError as error:
            raise _cannot_write(folder, error) from error

    @classmethod
    def begin(cls, folder: Path, header: Header) -> Journal:
        """Make the folder of a new run; UsageError where it cannot be written, or holds a run already."""
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        journal = cls(folder)
        try:
            if is_new := not (folder / HEADER).exists():
                journal._file.clear()  # what was killed before it had a header was no run
                # last, and whole: a folder that has a header is a run, and can be resumed
                journal._checksum = write_header(folder, header)
        except OSError as error:
            journal._file.close()
            raise _cannot_write(folder, error) from error
        if not is_new:
            journal._file.close()
            raise UsageError(f"{folder} already contains a run: choose another --output, or remove the folder")
        return journal

    @classmethod
    def go_on(cls, folder: Path) -> Journal:
        """Append to the journal of a run that was cut short; its unfinished last line goes."""
        journal = cls(folder)
        try:
            last = journal._file.keep_whole_lines()
        except OSError as error:
            journal._file.close()
            raise _cannot_write(folder, error) from error
        last_checksum = checksum_of(last)
        journal._checksum = _first_checksum(read_header(folder)) if last_checksum is None else last_checksum
        return journal

    def write(self, event: Recorded) -> None:
        """Append one event; it is in the file when this returns. UsageError where the disk does not take it."""
        line, self._checksum = to_line(event, self._checksum)
        try:
            self._file.append(line)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def keep_picture(self, file: str, png: bytes) -> None:
        """Write a picture that an event names; UsageError where that fails."""
        try:
            pictures = self.folder / PICTURES
            pictures.mkdir(exist_ok=True)
            (pictures / file).write_bytes(png)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def sync(self) -> None:
        """Have the disk hold what was written, so that not even a power cut loses it.

        UsageError where it does not, or where the folder is not there any more: nothing of what comes would be kept.
        """
        try:
            self._file.sync()
            if not self._file.is_in_place():
                raise UsageError(f"the run folder {self.folder} was replaced while the run was being written to it")
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_events(folder: Path) -> Iterator[Event | OldEvent]:
    """The events of a run in order, without a last line that was cut short; RunError where a line is damaged."""
    header = read_header(folder)
    required, checksum = header["schema"] >= SEALED_SINCE, _first_checksum(header)
    try:
        with (folder / JOURNAL).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    checksum = check_line(line, checksum, required=required)
                    event = to_event(line)
                except (ValueError, RecursionError) as error:
                    if not line.endswith(b"\n"):
                        return
                    raise RunError(f"{folder / JOURNAL} is damaged at line {number}: {error}") from error
                yield event
    except OSError as error:
        raise RunError(
            f"{folder} is not the folder of a run: cannot read {JOURNAL}: {error.strerror or error}"
        ) from error


def _first_checksum(header: Header) -> int:
    """What the checksum of the first line goes on from: that of run.json, so that each belongs to the other."""
    return seal_of(header) if header["schema"] >= CHAINED_SINCE else 0


def _cannot_write(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to the output folder {folder}: {error.strerror or error}")
