"""A run folder whose every time begins with a digit of its own, so that a number tells of which run it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    BackendFound,
    CellComputed,
    CellJudged,
    Finished,
    SampleTaken,
    fields_of,
)

BACKENDS = ("one", "two")
PASSES = ("forward", "backward")
CASE = {"operation": "conv", "input": [1, 4, 4], "out_channels": 1, "kernel_size": 3}


def plant_run(
    folder: Path,
    *,
    machine: str,
    seconds: float,
    cases: Iterable[str] = ("c", "d"),
    kernel_size: int = 3,
    finished: bool = True,
) -> Path:
    """Write a run of two backends, whose times are `seconds`, and a few percent more from cell to cell."""
    tables = [{"count": 1, "case": CASE | {"name": name, "kernel_size": kernel_size}} for name in cases]
    header = {
        "command": f"convbench compare on-{machine}",
        "started": "2026-11-20T12:00:00+00:00",
        "settings": {"threads": 2, "device": "cpu", "batch_sizes": [1, 8], "seed": 0},
        "machine": {"processor": f"processor of {machine}"},
        "identity": {"name": machine, "id": machine, "microarchitecture": f"arch-{machine}"},
        "packages": {"numpy": "2.4.6"},
        "workloads": [{"name": "w", "title": "", "source": "", "layers": tables}],
    }
    with Journal.begin(folder, header) as journal:
        for name in BACKENDS:
            journal.write(BackendFound(name=name, status=BackendStatus.AVAILABLE, version="1", summary=""))
        number = 0
        for case in cases:
            for batch_size in (1, 8):
                for name in BACKENDS:
                    for pass_name in PASSES:
                        number += 1
                        _plant(journal, CellKey("w", case, "float32", batch_size, name, pass_name), seconds, number)
        if finished:
            journal.write(Finished(duration_s=50.0, interrupted=False))
    return folder


def _plant(journal: Journal, key: CellKey, seconds: float, number: int) -> None:
    time = seconds * (1 + number / 40)
    journal.write(CellComputed(**fields_of(key), data="random", call_s=time, first_call_s=time))
    journal.write(CellJudged(**fields_of(key), data="random", own="agrees", verdict="agrees"))
    for turn in range(6):
        sample = {"block": 0, "loops": 1, "cpu_s": time, "minor_faults": 0, "involuntary_switches": 0}
        journal.write(SampleTaken(**fields_of(key), round=turn, elapsed_s=time, **sample))
