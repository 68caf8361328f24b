"""A stored run in which everything occurs: right cells and wrong ones that are faster, failed, unproven, absent ones.

Names hold what a format could take for its own marks. Times differ by block, so that no estimate equals another by
chance: the geometric mean of the blocks' medians, the median of all samples, their mean.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convbench.plan.items import CellKey
from convbench.plan.status import BackendStatus, Status
from convbench.results.events.journal import Journal
from convbench.results.events.schema import (
    AgreementFound,
    BackendFound,
    CellComputed,
    CellFailed,
    CellJudged,
    Finished,
    SampleTaken,
    WarningGiven,
    fields_of,
)

HOSTILE = 'a|b_50% <i> & #1 `x` $y$ {z} \\end ~^ "q"'
"""The name of a case."""
CASES = ("conv1", HOSTILE)
BATCH_SIZES = (1, 8)
PASSES = ("forward", "backward")
SECONDS = {"steady": 2e-4, "slow": 3e-3, "hasty": 1e-5, "unproven": 2e-5}
WRONG, FAILED, UNPROVEN, ABSENT = "hasty", "dies", "unproven", "absent"
RIGHT = ("steady", "slow")
REASON = "dw: 3 of 9 elements off; first at (0, 0): 1.5 where 2 <is> right"
AGAIN = "convbench check --case 'operation = \"flatten\", input = [2, 3]' --backends hasty"
WARNING = "load: 3.5 on <2> cores | wait"
BLOCKS = 4
ROUNDS = 3
HEADER = {
    "command": "convbench compare w --blocks 4 <&>",
    "started": "2026-11-20T12:00:00+00:00",
    "settings": {"threads": 2, "device": "cpu", "batch_sizes": list(BATCH_SIZES), "seed": 0},
    "machine": {"processor": "a processor & more", "memory": "16 GB"},
    "packages": {"convbench": "0.1.0", "numpy": "2.4.6", "jax": None},
    "workloads": [],
}


def write_mixed_run(folder: Path, *, blocks: int = BLOCKS, timed: bool = True, backends: tuple[str, ...] = ()) -> Path:
    """Write the run, or the part of it that some backends have."""
    noise = np.random.default_rng(1)
    names = backends or (*SECONDS, FAILED, ABSENT)
    with Journal.begin(folder, HEADER) as journal:
        for name in names:
            status = BackendStatus.UNAVAILABLE if name == ABSENT else BackendStatus.AVAILABLE
            reason = "no <device> | here" if name == ABSENT else ""
            entrant = {"backend": "steady", "where": "/envs/old_1"} if name == "slow" else {}
            journal.write(BackendFound(name=name, status=status, version="1.0", reason=reason, **entrant))
        journal.write(WarningGiven(text=WARNING))
        for case in CASES:
            for batch_size in BATCH_SIZES:
                for name in names:
                    for pass_name in PASSES:
                        key = CellKey("w", case, "float32", batch_size, name, pass_name)
                        _write_cell(journal, key, noise, blocks=blocks if timed else 0)
        journal.write(Finished(duration_s=12.5, interrupted=False))
    return folder


def _write_cell(journal: Journal, key: CellKey, noise: np.random.Generator, *, blocks: int) -> None:
    fields = fields_of(key)
    if key.backend == FAILED:
        journal.write(CellFailed(**fields, status=Status.CRASHED, reason="killed by signal 11", reproduce=AGAIN))
        return
    if key.backend == ABSENT:
        journal.write(CellFailed(**fields, status=Status.UNSUPPORTED, reason="only <one> axis | no more"))
        return
    journal.write(CellComputed(**fields, data="random", call_s=SECONDS[key.backend]))
    verdict = {WRONG: "disagrees", UNPROVEN: "untrusted"}.get(key.backend, "agrees")
    if key.backend != UNPROVEN:
        item = {name: fields[name] for name in ("workload", "case", "dtype", "batch_size")}
        compared = {"pass_name": key.pass_name, "data": "random", "left": key.backend, "right": "oracle"}
        journal.write(AgreementFound(**item, **compared, tensor="y", verdict=verdict, count=9))
    judged = {"own": verdict, "verdict": verdict}
    if key.backend == WRONG:
        judged |= {"is_wrong": True, "reason": REASON, "tensor": "dw", "reproduce": AGAIN}
    if key.backend == UNPROVEN:
        judged |= {"reason": "all results are 0", "finding": "zeros"}
    journal.write(CellJudged(**fields, data="random", **judged))
    for block in range(blocks):
        level = noise.lognormal(sigma=0.1)
        for number in range(ROUNDS):
            seconds = SECONDS[key.backend] * key.batch_size * level * noise.lognormal(sigma=0.03)
            journal.write(SampleTaken(**fields, block=block, round=number, loops=5, elapsed_s=5 * seconds, cpu_s=0.0))
