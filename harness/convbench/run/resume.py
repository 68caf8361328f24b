"""Whether a run can go on, and from where: refused in one line where anything differs that its numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from convbench.errors import UsageError
from convbench.plan.items import ItemKey
from convbench.results.events.header import Header, read_header
from convbench.results.events.schema import SCHEMA_VERSION, Resumed
from convbench.results.events.state import RunState
from convbench.results.loading import load_state
from convbench.run.header import differences

SHOWN = 3
"""Differences that are named; of more, their number."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run in its folder, as far as it came."""

    folder: Path
    header: Header
    state: RunState

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do."""
        finished = self.state.finished
        return finished is not None and not finished.interrupted


def stored_run(folder: Path) -> StoredRun:
    """The run of a folder; RunError where it is none, or of a newer schema, UsageError where it is too old to go on."""
    header = read_header(folder)
    if header["schema"] < SCHEMA_VERSION:
        raise UsageError(
            f"{folder} was made by an older convbench (schema {header['schema']}), whose runs cannot be resumed: "
            "start a new run"
        )
    return StoredRun(folder, header, load_state(folder, is_live=True))


def refuse_differences(stored: StoredRun, present: Header) -> None:
    """UsageError where machine, packages, settings or workloads are not those of the stored run."""
    found = differences(stored.header, present)
    if not found:
        return
    named = "; ".join(found[:SHOWN])
    more = f"; and {len(found) - SHOWN} more differences" if len(found) > SHOWN else ""
    raise UsageError(f"{stored.folder} cannot be resumed here: {named}{more}")


def resumption(state: RunState) -> Resumed:
    """The event with which a run goes on: what it drops, because it was not complete."""
    torn = [sample for sample in state.samples if not state.is_timed(sample.cell.item, sample.block)]
    unchecked: set[ItemKey] = {key.item for key in state.cells} - state.checked
    return Resumed(
        at=datetime.now().astimezone().isoformat(timespec="seconds"),
        block=max((sample.block for sample in torn), default=None),
        dropped_checks=len(unchecked),
        dropped_samples=len(torn),
    )
