"""The run folder: run.json says what was asked and where, journal.jsonl what happened, a line an event.

The journal is the truth: it is appended and flushed as things happen, and everything else is derived from it. A line
that a killed run left unfinished is ignored. Loading executes nothing. A change of the format that an older reader
would misread raises SCHEMA_VERSION; folders of every older version stay readable.

Events, by "event":
    backend     name, status, reason, version, device, plugin, summary; later its facts
    cell        the key of a cell and any columns of the measurements; a later event adds to or replaces them
    sample      the key of a cell, block, round, loops, elapsed_s, cpu_s, minor_faults, involuntary_switches, waited_s,
                settled_s, contended, core_slowdown; a later one of the same block and round is a further attempt
    agreement   a row of the agreement table
    picture     file (in the folder pictures), title, caption
    largest_batch  workload, case, dtype, backend, pass, and the fields of batch_search.LargestBatch
    limits      what the machine reaches: device, threads, bandwidth, peaks, measured (limits.Limits)
    warning     text
    finished    duration_s, interrupted, phases_s: seconds by what they were spent on, timed_s: those of the backends
                themselves under a clock, by request of the worker
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from convbench.errors import RunError, UsageError
from convbench_specs import PassName

SCHEMA_VERSION = 1
HEADER = "run.json"
JOURNAL = "journal.jsonl"
PICTURES = "pictures"


@dataclass(frozen=True, slots=True, order=True)
class CellKey:
    """What identifies a row of the measurements."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    pass_name: PassName

    def as_columns(self) -> dict[str, Any]:
        """The key as columns; `pass` is no name that Python allows for a field."""
        return {
            "workload": self.workload,
            "case": self.case,
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "backend": self.backend,
            "pass": self.pass_name,
        }


class Journal:
    """The writer of a run folder, to be used in a with statement; creates the folder."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder = folder
        try:
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            text = json.dumps({"schema": SCHEMA_VERSION, **header}, indent=1)
            (folder / HEADER).write_text(text + "\n", encoding="utf-8")
            self._file = (folder / JOURNAL).open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to the output folder {folder}: {error.strerror or error}") from error

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; it is in the file when this returns."""
        self._file.write(json.dumps({"event": event, **fields}) + "\n")
        self._file.flush()

    def cell(self, key: CellKey, **columns: Any) -> None:
        """Append columns of one cell."""
        self.write("cell", **key.as_columns(), **columns)

    def picture(self, file: str, png: bytes, *, title: str, caption: str) -> None:
        """Keep a picture and append its event."""
        pictures = self.folder / PICTURES
        pictures.mkdir(exist_ok=True)
        (pictures / file).write_bytes(png)
        self.write("picture", file=file, title=title, caption=caption)

    def sync(self) -> None:
        """Have the disk hold what was written, so that not even a power cut loses it."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_header(folder: Path) -> dict[str, Any]:
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


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of a run in order, without a last line that was cut short."""
    try:
        with (folder / JOURNAL).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    event = json.loads(line)
                except ValueError as error:
                    if not line.endswith("\n"):
                        return
                    raise RunError(f"{folder / JOURNAL} is damaged at line {number}: {error}") from error
                yield event
    except OSError as error:
        raise RunError(f"{folder} is no run folder: cannot read {JOURNAL}: {error.strerror or error}") from error
