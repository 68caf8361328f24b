"""A stored run of a known kind, for tests of what shows it: three backends, three batch sizes, two cases, limits."""

from __future__ import annotations

from pathlib import Path

from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus
from convbench.report.shown.run import Run, load_run
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    AgreementFound,
    BackendFound,
    CellComputed,
    CellJudged,
    LimitsFound,
    MemoryMeasured,
    SampleTaken,
    fields_of,
)
from convbench.results.roofline import Bandwidth, Limits, Peak

CASES = {
    "conv1": {"operation": "conv", "input": [3, 8, 8], "out_channels": 4, "kernel_size": 3},
    "pool1": {"operation": "pool", "kind": "max", "input": [3, 8, 8], "kernel_size": 2},
}
SECONDS = {"steep": (1e-5, 9.5e-6), "flat": (5e-5, 1e-6), "wrong-one": (1e-6, 1e-7)}
"""Of each backend, a call at batch size 0 and what each instance adds: they cross between 4 and 16."""
BATCH_SIZES = (1, 4, 16)
BLOCKS = 3
HEADER = {
    "command": "convbench compare",
    "started": "2026-11-20T12:00:00+00:00",
    "settings": {"threads": 2, "device": "cpu", "batch_sizes": list(BATCH_SIZES), "seed": 0},
    "machine": {"processor": "a <processor>"},
    "packages": {},
    "workloads": [
        {
            "name": "two",
            "title": "",
            "source": "",
            "layers": [{"case": {"name": name, **table}, "count": 1} for name, table in CASES.items()],
        }
    ],
}


def write_run(folder: Path, *, cases=tuple(CASES), limits: bool = True) -> Run:
    """Make the run and load it."""
    with Journal.begin(folder, HEADER) as journal:
        for place, name in enumerate(SECONDS):
            journal.write(BackendFound(name=name, status=BackendStatus.AVAILABLE, version="1", display_order=place))
        for case in cases:
            for size in BATCH_SIZES:
                for name in SECONDS:
                    _write_cell(journal, CellKey("two", case, "float32", size, name, "forward"))
        if limits:
            found = Limits(
                device="cpu",
                threads=2,
                bandwidth=Bandwidth(gbytes_per_s=20.0, way="copy", array_bytes=1),
                peaks=(Peak(dtype="float32", gflops_per_s=100.0, backend="flat", case="dense"),),
            )
            journal.write(LimitsFound.of(found))
    return load_run(folder)


def _write_cell(journal: Journal, key: CellKey) -> None:
    start, each = SECONDS[key.backend]
    seconds = start + key.batch_size * each
    is_wrong = key.backend == "wrong-one" and key.case == "conv1"
    verdict = "disagrees" if is_wrong else "agrees"
    journal.write(CellComputed(**fields_of(key), data="random", call_s=seconds))
    journal.write(CellJudged(**fields_of(key), data="random", own=verdict, verdict=verdict, is_wrong=is_wrong))
    journal.write(
        AgreementFound(
            workload=key.workload,
            case=key.case,
            dtype=key.dtype,
            batch_size=key.batch_size,
            pass_name=key.pass_name,
            data="random",
            tensor="y",
            left=key.backend,
            right="oracle",
            verdict=verdict,
        )
    )
    peak = 10**6 * key.batch_size
    journal.write(
        MemoryMeasured(
            **fields_of(key),
            memory_source="resident",
            peak_memory_bytes=peak,
            peak_memory_min_bytes=peak,
            peak_memory_max_bytes=2 * peak,
        )
    )
    for block in range(BLOCKS):
        for turn in range(4):
            journal.write(
                SampleTaken(
                    **fields_of(key), block=block, round=turn, loops=1,
                    elapsed_s=seconds * (1 + 0.002 * turn + 0.001 * block),
                )
            )  # fmt: skip
