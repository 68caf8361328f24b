"""A job from its arrival on a machine to the packed run: wait for the machine, say what it is, measure, pack.

Whatever goes wrong becomes a report. Nothing here knows an engine: it is called in the process of a worker, or in that
of the sweep itself.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from convbench.results.events.header import HEADER
from convbench.results.events.journal import JOURNAL
from convbench.sweep.on_machine.child import last_words, run_child
from convbench.sweep.on_machine.description import describe, package_differences, with_findings
from convbench.sweep.on_machine.folders import RUN, job_folder, keep_lease, packed, reason_to_end, tell, waiting
from convbench.sweep.on_machine.lock import MachineLock, lock_path
from convbench.sweep.on_machine.messages import Description, Ended, Failed, Measured, Order, Part, Refused, Report
from convbench.sweep.whole import is_whole
from convbench.text.foreign import clean, clean_lines

LEAST_FREE_BYTES = 64 * 2**20
"""On a disk with less left a run may fail in its middle."""
POLL_S = 0.2


def carry_out(order: Order) -> Report:
    """Make the run of a job on this machine; it is packed when this returns, and stays here until it is forgotten."""
    description = describe(order.packages)
    if order.packages is not None and (different := package_differences(order.packages, description.packages)):
        return Refused(description=description, reason=different)
    folder = job_folder(order.address)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ended").unlink(missing_ok=True)
        keep_lease(folder)
        if full := _full(folder):
            return Refused(description=description, reason=full)
        with MachineLock(lock_path()) as lock:
            if ended := _wait(lock, order, folder):
                return Ended(reason=ended)
            return _measured(order, folder, description, lock)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return Refused(description=description, reason=f"{error.strerror or error}{where}")


def _wait(lock: MachineLock, order: Order, folder: Path) -> str:
    """Wait until nobody else measures here; returns why not any longer, or an empty text once the lock is taken."""
    holder = f"sweep {order.sweep}, job {order.job.id}"
    if lock.take(holder):
        return ""
    with waiting(folder, f"{lock.holder() or 'another sweep'} measures on this machine"):
        while not lock.take(holder):
            if reason := reason_to_end(folder, order.lease_s):
                return reason
            time.sleep(POLL_S)
    return ""


def _measured(order: Order, folder: Path, description: Description, lock: MachineLock) -> Report:
    """The job on a machine that is its own."""
    environment = {name: text for name, text in os.environ.items() if name not in order.dropped_variables}
    convbench = order.command or (sys.executable, "-P", "-m", "convbench")

    def call(arguments: Sequence[str], log: Path, should_end: Callable[[], str]) -> int | str:
        return run_child(
            [*convbench, *arguments],
            folder=folder,
            environment=environment,
            log=log,
            held=lock.descriptor,
            should_end=should_end,
        )

    def should_end() -> str:
        return reason_to_end(folder, order.lease_s)

    doctor = folder.parent / "doctor.json"
    if not doctor.exists():  # once a sweep: every run tells the warnings of its own time
        call(["doctor", "--json"], doctor, should_end)
    description = with_findings(description, doctor)
    tell(folder, description)
    for name, text in order.job.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    run, log = folder / RUN, folder / "log.txt"
    resumed = _bring_part(run, order.part, description)
    if resumed:
        code = call(["compare", "--resume", RUN], log, should_end)
        if code == 2:  # it cannot go on here: the machine, a package or a workload is another
            shutil.rmtree(run)
            resumed = False
    if not resumed:
        shutil.rmtree(run, ignore_errors=True)
        code = call(["compare", *order.job.arguments, "--output", RUN], log, should_end)
    if isinstance(code, str):
        return Ended(reason=code)
    if code in {0, 1} and is_whole(run):
        return Measured(description=description, exit_code=code, archive=packed(run), resumed=resumed)
    if full := _full(folder):
        return Refused(description=description, reason=full)
    how = f"exit code {code}" if code >= 0 else f"ended by signal {-code}"
    printed = clean_lines(log.read_text(encoding="utf-8", errors="replace"))
    reason = clean(f"{last_words(printed) or 'it said nothing'} ({how})")
    return Failed(description=description, reason=reason, log=printed)


def _bring_part(run: Path, part: Part | None, description: Description) -> bool:
    """Whether there is a run to go on with: one that was left here, or else one that the sender has a part of.

    A run goes on only on the machine that began it, for its numbers belong to that machine.
    """
    if (run / HEADER).exists() and (run / JOURNAL).exists():
        return True
    shutil.rmtree(run, ignore_errors=True)
    if part is None or part.machine_id != description.id or HEADER not in part.files or JOURNAL not in part.files:
        return False
    for name, content in part.files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return True


def _full(folder: Path) -> str:
    """Why nothing can be written to a folder; empty where there is room."""
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE_BYTES:
        return ""
    return f"{os.strerror(errno.ENOSPC)}: {folder} has {free / 1e6:.0f} MB left"
