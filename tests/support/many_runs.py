"""Many runs of several machines, made from one stored run: identities, dates, versions and times are changed.

Each machine has its speed and each backend its factor; from the middle of a machine's runs on, one backend has another
version and another speed, so that there is a step to be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from paths import RUNS

from convbench.results.events.header import read_header
from convbench.results.events.journal import Journal, read_events
from convbench.results.events.schema import (
    AgreementFound,
    BackendFound,
    BackendStarted,
    CellEvent,
    CellJudged,
    Recorded,
    SampleTaken,
)

SOURCE = RUNS / "schema_4"
OF = "numpy-im2col"
"""The backend of the stored run whose events all others get."""
BACKENDS = {"jax": 6, "numba-cpu": 2, "numpy-im2col": 1, "pytorch": 4, "mine[fast]": None}
"""Each with its place among others."""
FACTORS = {"jax": 1.4, "numba-cpu": 1.2, "numpy-im2col": 3.0, "pytorch": 1.0, "mine[fast]": 1.8}
PROCESSORS = ("AMD EPYC 9654", "Intel Xeon Platinum 8480", "Ampere Altra", "AMD Ryzen 9 7950X", "Intel Core i7-1370P")
FIRST = datetime(2026, 6, 1, 12, tzinfo=UTC)


def many_runs(folder: Path, *, runs: int = 200, machines: int = 5, seed: int = 0) -> list[Path]:
    """Store so many runs below a folder, a day apart; their folders, the first run first."""
    header, events = read_header(SOURCE), list(read_events(SOURCE))
    random = np.random.default_rng(seed)
    made = []
    for number in range(runs):
        machine, turn = number % machines, number // machines
        of_machine = header_of(header, machine, FIRST + timedelta(days=turn, minutes=machine))
        path = folder / f"machine{machine}" / f"run-{turn:03}"
        is_late = turn >= runs // machines // 2
        with Journal.begin(path, of_machine) as journal:
            for event in changed(events, machine, is_late=is_late, random=random):
                journal.write(event)
        made.append(path)
    return made


def header_of(header: Mapping[str, Any], machine: int, started: datetime) -> dict[str, Any]:
    """The header of a stored run, as if another machine had made it at another time."""
    name = f"machine {machine} & sons" if machine == 1 else f"machine{machine}"
    identity = {"name": name, "id": f"{machine:032x}", "microarchitecture": "zen4", "memory": "64.0 GiB"}
    facts = dict(header["machine"]) | {"processor": PROCESSORS[machine % len(PROCESSORS)]}
    kept = {key: value for key, value in header.items() if key != "schema"}
    return kept | {"identity": identity, "machine": facts, "started": started.isoformat()}


def changed(events: list[Any], machine: int, *, is_late: bool, random: np.random.Generator) -> Iterator[Recorded]:
    """The events of a run with the backends of BACKENDS in place of its own, and times of a machine."""
    of_run = {name: float(np.exp(random.normal(0.0, 0.01))) for name in BACKENDS}
    for event in events:
        match event:
            case BackendFound(name=name) | BackendStarted(name=name):
                if name == OF:
                    yield from (_as_backend(event, each, is_late) for each in BACKENDS)
            case AgreementFound():
                if (event.left, event.right) == (OF, "oracle"):
                    yield from (msgspec.structs.replace(event, left=each) for each in BACKENDS)
            case CellEvent():
                if event.backend == OF:
                    yield from (
                        _of_cell(event, each, machine, of_run[each], is_late=is_late, random=random)
                        for each in BACKENDS
                    )
            case _:
                yield event


def _as_backend(event: Any, name: str, is_late: bool) -> Any:
    if isinstance(event, BackendStarted):
        return msgspec.structs.replace(event, name=name)
    version = "2.1" if is_late and name == "pytorch" else "2.0"
    return msgspec.structs.replace(event, name=name, display_order=BACKENDS[name], version=version, short_name="")


def _of_cell(event: Any, name: str, machine: int, of_run: float, *, is_late: bool, random: np.random.Generator) -> Any:
    event = msgspec.structs.replace(event, backend=name)
    if isinstance(event, SampleTaken):
        step = 1.3 if is_late and name == "pytorch" and event.case.startswith("conv") else 1.0
        factor = FACTORS[name] * (1 + 0.4 * machine) * step * of_run * float(np.exp(random.normal(0.0, 0.01)))
        return msgspec.structs.replace(event, elapsed_s=event.elapsed_s * factor)
    if isinstance(event, CellJudged) and (name, event.case, machine) == ("mine[fast]", "pool1", 2):
        return msgspec.structs.replace(
            event, own="disagrees", verdict="disagrees", is_wrong=True, tensor="dx", reason="dx is wrong at (0, 0)"
        )
    return event
