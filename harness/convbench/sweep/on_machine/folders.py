"""Where a job lives on the machine that makes it, what others may ask of it, and how its run is packed.

    CACHE/sweeps/MACHINE/SWEEP/JOB/run         the run folder
                                 /log.txt      what the command printed
                                 /looked       when the sender asked last, as the time of the file
                                 /ended        there where the sender wants no more of it
                                 /waits        what the job waits for
                                 /machine.json what the machine says of itself

CACHE is convbench's cache folder; several machines may share it, so each has a folder of its own in it.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

import msgspec

from convbench.machine.identity import machine_number
from convbench.machine.user_cache import cache_folder
from convbench.results.events.header import HEADER
from convbench.results.events.journal import JOURNAL, PICTURES
from convbench.sweep.on_machine.messages import Address, Description, Glimpse, Question

RUN = "run"
MACHINE = "machine.json"
MOST_AT_ONCE = 4 * 2**20
"""Bytes of a journal in one answer."""
MACHINE_DIGITS = 12


def job_folder(address: Address) -> Path:
    """The folder of a job on this machine."""
    return sweep_folder(address.sweep) / address.job


def sweep_folder(sweep: str) -> Path:
    """The folder of a sweep on this machine."""
    return cache_folder(os.environ) / "sweeps" / machine_number()[:MACHINE_DIGITS] / sweep


def keep_lease(folder: Path) -> None:
    """Note that the sender of the job of a folder is alive, by this machine's clock: a file server may have another."""
    now = time.time()
    (folder / "looked").touch()
    os.utime(folder / "looked", (now, now))


def reason_to_end(folder: Path, lease_s: float) -> str:
    """Why the job of a folder should end now; empty where it should go on."""
    if (folder / "ended").exists():
        return "it was called off"
    try:
        silent_s = time.time() - (folder / "looked").stat().st_mtime
    except OSError:
        return "its folder is gone"
    return f"nobody has asked about it for {silent_s:.0f} s" if silent_s > lease_s else ""


@contextmanager
def waiting(folder: Path, what: str) -> Iterator[None]:
    """While this lasts the sender is told that the job waits, and what for."""
    (folder / "waits").write_text(what, encoding="utf-8")
    try:
        yield
    finally:
        (folder / "waits").unlink(missing_ok=True)


def look(question: Question) -> Glimpse:
    """Answer the sender, and note that it is alive."""
    folder, machine = job_folder(question.address), machine_number()
    if not folder.is_dir():  # the job has not begun here
        return Glimpse(machine_id=machine)
    keep_lease(folder)
    waits = _text(folder / "waits")
    header = _bytes(folder / RUN / HEADER)
    description = _description(folder)
    if not header:
        return Glimpse(machine_id=machine, waits=waits, description=description)
    anew = crc32(header) != question.header
    have, offset = (frozenset[str](), 0) if anew else (question.have, question.journal)
    files = {HEADER: header} if anew else {}
    for picture in sorted((folder / RUN / PICTURES).glob("*")):
        if (name := f"{PICTURES}/{picture.name}") not in have:
            files[name] = picture.read_bytes()
    return Glimpse(
        machine_id=machine,
        waits=waits,
        description=description,
        anew=anew,
        offset=offset,
        journal=_whole_lines(folder / RUN / JOURNAL, offset),
        files=files,
    )


def end(address: Address) -> None:
    """Have the job of this machine end."""
    with suppress(OSError):
        (job_folder(address) / "ended").touch()


def forget(address: Address) -> None:
    """Remove what is left of a job whose run is kept elsewhere."""
    shutil.rmtree(job_folder(address), ignore_errors=True)


def forget_sweep(sweep: str) -> None:
    """Remove what is left of a sweep that is done."""
    shutil.rmtree(sweep_folder(sweep), ignore_errors=True)


def packed(run: Path) -> bytes:
    """A run folder as tar.gz."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        tar.add(run, arcname=".")
    return archive.getvalue()


def tell(folder: Path, description: Description) -> None:
    """Have whoever looks at a job learn what the machine is."""
    (folder / MACHINE).write_bytes(msgspec.json.encode(description))


def _description(folder: Path) -> Description | None:
    """What the machine says of itself; None where it has not yet."""
    try:
        return msgspec.json.decode((folder / MACHINE).read_bytes(), type=Description)
    except (OSError, msgspec.MsgspecError):
        return None


def _whole_lines(journal: Path, offset: int) -> bytes:
    """What was added to a journal, without the line that is being written."""
    try:
        with journal.open("rb") as file:
            file.seek(offset)
            found = file.read(MOST_AT_ONCE)
    except OSError:
        return b""
    return found[: found.rfind(b"\n") + 1]


def _text(path: Path) -> str:
    return _bytes(path).decode(errors="replace")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
