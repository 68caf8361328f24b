"""Runs as they would be stored, made from given times: for tests of what compares runs.

Each cell has a true time of its own; a run multiplies it by its drift, by what it does to the cell (normal on the log
scale), and every block and sample by noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus, Status
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    BackendFound,
    CellComputed,
    CellFailed,
    CellJudged,
    Finished,
    MemoryMeasured,
    Recorded,
    SampleTaken,
    fields_of,
)
from convbench.results.events.state import RunState
from convbench.results.loading import load_run, stored_workloads
from convbench.results.run import Run

PASSES = ("forward", "backward", "both")
MACHINE = {"processor": "a processor", "cores": "2 usable", "memory": "16.0 GiB", "python": "CPython 3.11.7"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a run is made; `factors` multiply times by what a key of cells holds: a backend, a case, or both."""

    backends: Mapping[str, str] = field(default_factory=lambda: {"left": "1", "right": "1", "other": "1"})
    """Their versions."""
    cases: tuple[str, ...] = ("conv1", "conv2", "pool1")
    batch_sizes: tuple[int, ...] = (1,)
    blocks: int = 4
    rounds: int = 3
    drift: float = 0.0
    run_spread: float = 0.0
    block_spread: float = 0.01
    seed: int = 0
    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By (case, backend): how many times as long it takes."""
    wrong: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By (case, backend): the tensor that is wrong."""
    crashed: tuple[tuple[str, str], ...] = ()
    peaks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    memory_source: str = "resident"
    input_size: int = 8
    settings: Mapping[str, object] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    started: str = "2026-11-20T12:00:00+00:00"
    floor: float | None = None
    interrupted: bool = False

    def header(self) -> dict[str, object]:
        """Its run.json."""
        layers = [
            {"count": 1, "case": {"name": name, "operation": "conv", "input": [1, self.input_size, self.input_size],
                                  "out_channels": 1, "kernel_size": 3}}
            for name in self.cases
        ]  # fmt: skip
        return {
            "command": "convbench compare tiny",
            "started": self.started,
            "settings": {
                "threads": 2,
                "device": "cpu",
                "batch_sizes": list(self.batch_sizes),
                "seed": 0,
                **self.settings,
            },
            "floor": self.floor,
            "machine": MACHINE | self.machine,
            "packages": {"convbench": "0.1.0", "numpy": "2.4.6"} | self.packages,
            "workloads": [{"name": "tiny", "title": "", "source": "", "layers": layers}],
        }

    def cells(self) -> list[CellKey]:
        """Its cells, in the order of the run."""
        return [
            CellKey("tiny", case, "float32", batch_size, backend, pass_name)
            for batch_size in self.batch_sizes
            for case in self.cases
            for backend in self.backends
            for pass_name in PASSES
        ]

    def events(self) -> list[Recorded]:
        """What its journal holds."""
        random = np.random.default_rng(self.seed)
        events: list[Recorded] = [
            BackendFound(name=name, status=BackendStatus.AVAILABLE, version=version)
            for name, version in self.backends.items()
        ]
        for cell in self.cells():
            events += self._of_cell(cell, random)
        return [*events, Finished(duration_s=1.0, interrupted=self.interrupted)]

    def _of_cell(self, cell: CellKey, random: np.random.Generator) -> list[Recorded]:
        key, where = fields_of(cell), (cell.case, cell.backend)
        if where in self.crashed:
            return [CellFailed(**key, status=Status.CRASHED, reason="its process ended")]
        tensor = self.wrong.get(where)
        verdict = "disagrees" if tensor else "agrees"
        judged = CellJudged(
            **key, data="random", own=verdict, verdict=verdict, is_wrong=bool(tensor), tensor=tensor,
            reason=f"{tensor} is wrong at (0, 0)" if tensor else None,
        )  # fmt: skip
        events = [CellComputed(**key, data="random", call_s=1e-3), judged]
        if where in self.peaks:
            events.append(MemoryMeasured(**key, memory_source=self.memory_source, peak_memory_bytes=self.peaks[where]))
        log_time = np.log(1e-3 * cell.batch_size * self.factors.get(where, 1.0)) + self.drift
        log_time += random.normal(0.0, self.run_spread)
        for block in range(self.blocks):
            of_block = log_time + random.normal(0.0, self.block_spread)
            for number in range(self.rounds):
                elapsed = float(np.exp(of_block + random.normal(0.0, 0.002)))
                events.append(SampleTaken(**key, block=block, round=number, loops=1, elapsed_s=elapsed))
        return events

    def run(self, folder: str = "run") -> Run:
        """The run, without a folder."""
        state = RunState(is_live=False)
        for event in self.events():
            state.apply(event)
        header = {"schema": 3, **self.header()}
        return Run(folder=Path(folder), header=header, workloads=stored_workloads(header), state=state)

    def store(self, folder: Path) -> Run:
        """The run, in a folder."""
        with Journal.begin(folder, self.header()) as journal:
            for event in self.events():
                journal.write(event)
        return load_run(folder)
