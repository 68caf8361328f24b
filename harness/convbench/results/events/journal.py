"""The run folder: run.json says what was asked and where, journal.jsonl what happened, a line an event.

The journal is the truth: it is appended and flushed as things happen, and everything else is derived from it. A line
that a killed run left unfinished is ignored. Loading executes nothing. What can happen is declared in schema.py. A
change of the format that an older reader would misread raises SCHEMA_VERSION; folders of every older version stay
readable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from convbench.errors import RunError, UsageError
from convbench.results.events.schema import SCHEMA_VERSION, Event, Recorded
from convbench.results.events.schema_1 import OldEvent

HEADER = "run.json"
JOURNAL = "journal.jsonl"
PICTURES = "pictures"
LOGS = "logs"
Header = Mapping[str, Any]
"""run.json as it stands in the file: what older and newer versions wrote there is kept."""

_DECODER: msgspec.json.Decoder[Event | OldEvent] = msgspec.json.Decoder(Event | OldEvent)


class Journal:
    """The writer of a run folder, to be used in a with statement."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._file = (folder / JOURNAL).open("a", encoding="utf-8")
        except OSError as error:
            raise _cannot_write(folder, error) from error

    @classmethod
    def begin(cls, folder: Path, header: Header) -> Journal:
        """Make the folder of a new run; UsageError where it cannot be written."""
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True)
            (folder / JOURNAL).write_bytes(b"")
            # last, and whole: a folder that has a header is a run, and can be resumed
            fresh = folder / f"{HEADER}.new"
            fresh.write_text(json.dumps({"schema": SCHEMA_VERSION, **header}, indent=1) + "\n", encoding="utf-8")
            fresh.replace(folder / HEADER)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        return cls(folder)

    @classmethod
    def go_on(cls, folder: Path) -> Journal:
        """Append to the journal of a run that was cut short; its unfinished last line goes."""
        try:
            with (folder / JOURNAL).open("r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        return cls(folder)

    def write(self, event: Recorded) -> None:
        """Append one event; it is in the file when this returns."""
        # JSON of Python keeps NaN and infinity, which a wrong result may hold
        self._file.write(json.dumps(msgspec.to_builtins(event)) + "\n")
        self._file.flush()

    def keep_picture(self, file: str, png: bytes) -> None:
        """Write a picture that an event names."""
        pictures = self.folder / PICTURES
        pictures.mkdir(exist_ok=True)
        (pictures / file).write_bytes(png)

    def sync(self) -> None:
        """Have the disk hold what was written, so that not even a power cut loses it."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_header(folder: Path) -> Header:
    """run.json of a run; RunError where it is missing, broken or of a newer schema."""
    path = folder / HEADER
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{folder} is no run folder: cannot read {HEADER}: {error.strerror or error}") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    schema = header.get("schema") if isinstance(header, dict) else None
    if not isinstance(schema, int):
        raise RunError(f"{path} is damaged: it has no schema version")
    if schema > SCHEMA_VERSION:
        raise RunError(f"{folder} has schema {schema}, this convbench reads up to {SCHEMA_VERSION}: upgrade convbench")
    assert isinstance(header, dict)
    return header


def read_events(folder: Path) -> Iterator[Event | OldEvent]:
    """The events of a run in order, without a last line that was cut short; RunError where a line is damaged."""
    try:
        with (folder / JOURNAL).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    event = _event(line)
                except ValueError as error:
                    if not line.endswith(b"\n"):
                        return
                    raise RunError(f"{folder / JOURNAL} is damaged at line {number}: {error}") from error
                yield event
    except OSError as error:
        raise RunError(f"{folder} is no run folder: cannot read {JOURNAL}: {error.strerror or error}") from error


def _event(line: bytes) -> Event | OldEvent:
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # NaN and infinity, which strict JSON does not know
        event: Event | OldEvent = msgspec.convert(json.loads(line), Event | OldEvent)
        return event


def _cannot_write(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to the output folder {folder}: {error.strerror or error}")
