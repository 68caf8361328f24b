"""The folder of a sweep: what it is to measure, and what it has. From it alone a sweep goes on.

sweep.json               the jobs and the packages that their machines must have; written once
runs/JOB/                the run folder of a job that is done: moved in whole, so what is there is complete
parts/JOB/               what is known of a run that was not finished yet; run.json is header.json there
machines/NAME-ID.json    what each machine has said of itself
logs/JOB.txt             what the command of a job printed that failed last
sweep.log                what happened, a line each, with its time
"""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from convbench.errors import UsageError
from convbench.results.events.header import HEADER
from convbench.results.events.journal import JOURNAL
from convbench.sweep.on_machine.messages import Address, Description, Glimpse, Part, Question
from convbench.sweep.plan.jobs import Job
from convbench.sweep.whole import is_whole

SWEEP = "sweep.json"
RUNS = "runs"
PARTS = "parts"
MACHINES = "machines"
LOGS = "logs"
LOG = "sweep.log"
MADE = "job.json"
"""In a run folder: which job it is of, and how it was made."""
SCHEMA = 1
_STORED_AS = {HEADER: "header.json"}
"""So that nobody takes a part for a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is to be measured. `packages` are the versions that machines must have; None where any will do."""

    id: str
    title: str
    plan: str
    jobs: tuple[Job, ...]
    packages: Mapping[str, str] | None = None
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How the run of a job was made."""

    job: str
    sweep: str
    kind: str
    machine: str
    machine_id: str
    exit_code: int
    resumed: bool = False


@dataclass(slots=True)
class _KnownPart:
    machine_id: str = ""
    header: int = 0
    journal: int = 0
    names: set[str] = field(default_factory=set)


class SweepFolder:
    """The folder of a sweep that goes on; nobody else can work on it meanwhile."""

    def __init__(self, path: Path, sweep: Sweep, lock: int) -> None:
        self.path = path
        self.sweep = sweep
        self._lock = lock
        self._parts: dict[str, _KnownPart] = {}

    @classmethod
    def begin(cls, path: Path, sweep: Sweep) -> Self:
        """The folder of a new sweep; UsageError where it cannot be written, or holds something already."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise UsageError(f"{path} is not empty: name another --output, or go on with it: --resume {path}")
            fresh = path / f"{SWEEP}.new"
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(sweep), indent=1) + b"\n")
            fresh.replace(path / SWEEP)
        except OSError as error:
            raise UsageError(f"cannot write to the folder of the sweep {path}: {error.strerror or error}") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of a sweep that was begun; UsageError where it is none, or where another process works on it."""
        try:
            sweep = msgspec.json.decode((path / SWEEP).read_bytes(), type=Sweep)
            lock = os.open(path / SWEEP, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{path} is no folder of a sweep: {SWEEP}: {error.strerror or error}") from error
        except msgspec.MsgspecError as error:
            raise UsageError(f"{path / SWEEP} is damaged: {error}") from error
        if sweep.schema > SCHEMA:
            os.close(lock)
            raise UsageError(f"{path} was begun by a newer convbench: upgrade convbench")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise UsageError(f"another sweep is working on {path}: wait for it, or end it") from error
        for name in (RUNS, PARTS, MACHINES, LOGS):
            (path / name).mkdir(exist_ok=True)
        return cls(path, sweep, lock)

    def close(self) -> None:
        """Let others work on the folder."""
        os.close(self._lock)

    def missing(self) -> tuple[Job, ...]:
        """Jobs whose runs are not there."""
        there = {path.name for path in (self.path / RUNS).iterdir()}
        return tuple(job for job in self.sweep.jobs if job.id not in there)

    def made(self) -> tuple[Made, ...]:
        """How each run that is there was made, in the order of the jobs."""
        missing = {job.id for job in self.missing()}
        found = [job.id for job in self.sweep.jobs if job.id not in missing]
        return tuple(msgspec.json.decode((self.path / RUNS / name / MADE).read_bytes(), type=Made) for name in found)

    def keep_run(self, made: Made, archive: bytes) -> bool:
        """Move the run of a job in, whole; False where what came is no whole run. One that is there already stays."""
        target = self.path / RUNS / made.job
        if target.exists():
            return True
        with tempfile.TemporaryDirectory(dir=self.path / PARTS, prefix="incoming-") as name:
            incoming = Path(name) / made.job
            try:
                # tarfile takes a member that was cut for the end of the archive; gzip's length and checksum do not.
                content = gzip.decompress(archive)
                with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
                    tar.extractall(incoming, filter="data")
            except (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError):
                return False
            if not is_whole(incoming):
                return False
            (incoming / MADE).write_bytes(msgspec.json.encode(made))
            incoming.rename(target)
        self.drop_part(made.job)
        return True

    def question(self, job: Job) -> Question:
        """What to ask the machine that makes a job: whatever is not known of it yet."""
        known = self._parts.setdefault(job.id, _KnownPart())
        address = Address(self.sweep.id, job.id)
        return Question(address=address, have=frozenset(known.names), header=known.header, journal=known.journal)

    def keep_part(self, job: Job, glimpse: Glimpse) -> None:
        """Keep what a machine has told of a run that is being made."""
        folder = self.path / PARTS / job.id
        known = self._parts.setdefault(job.id, _KnownPart())
        if glimpse.anew:
            shutil.rmtree(folder, ignore_errors=True)
            known = self._parts[job.id] = _KnownPart(machine_id=glimpse.machine_id)
        if glimpse.offset != known.journal:  # an answer to a question that was asked before
            return
        for name, content in glimpse.files.items():
            path = folder / _STORED_AS.get(name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            known.names.add(name)
            if name == HEADER:
                known.header = zlib.crc32(content)
                (folder / "machine").write_text(glimpse.machine_id, encoding="ascii")
        if glimpse.journal:
            with (folder / JOURNAL).open("ab") as journal:
                journal.write(glimpse.journal)
            known.journal += len(glimpse.journal)

    def part(self, job: Job) -> Part | None:
        """What is known of the run of a job that was not finished."""
        folder = self.path / PARTS / job.id
        original = {stored: name for name, stored in _STORED_AS.items()}
        try:
            machine_id = (folder / "machine").read_text(encoding="ascii")
            names = [path for path in folder.rglob("*") if path.is_file() and path.name != "machine"]
            files = {str(path.relative_to(folder)): path.read_bytes() for path in names}
        except (OSError, UnicodeDecodeError):
            return None
        return Part(files={original.get(name, name): each for name, each in files.items()}, machine_id=machine_id)

    def drop_part(self, job_id: str) -> None:
        """Forget the part of a run: the whole of it is there."""
        self._parts.pop(job_id, None)
        shutil.rmtree(self.path / PARTS / job_id, ignore_errors=True)

    def keep_description(self, machine: Description) -> bool:
        """Keep what a machine says of itself; whether it says anything new."""
        path = self.path / MACHINES / f"{_file_name(machine.name)}-{machine.id[:8]}.json"
        text = msgspec.json.format(msgspec.json.encode(machine), indent=1) + b"\n"
        is_new = not path.exists() or path.read_bytes() != text
        if is_new:
            path.write_bytes(text)
        return is_new

    def keep_log(self, job: Job, printed: str) -> None:
        """Keep what the command of a job printed that failed."""
        (self.path / LOGS / f"{job.id}.txt").write_text(printed, encoding="utf-8")

    def log(self, text: str) -> None:
        """A line for the sweep's log."""
        when = datetime.now().astimezone().isoformat(timespec="milliseconds")
        with (self.path / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{when} {text}\n")


def kinds_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The kinds of machine that jobs want, in their order."""
    return tuple(dict.fromkeys(job.kind for job in jobs))


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name)[:80] or "machine"
