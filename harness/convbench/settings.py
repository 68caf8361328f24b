"""What a run is asked to do, checked before anything runs."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from convbench.errors import UsageError, unknown_name
from convbench_specs import DTYPES, PASSES, Device, DType, PassName


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Settings of a run; UsageError for a value that cannot be.

    budget_s bounds the timing of one cell: a cell of which MIN_SAMPLES calls would take longer is skipped, with the
    prediction. A block is a fresh set of workers, a round one turn of all
    backends in it. timeout_s bounds one answer of a worker: a call that takes longer is killed. dtypes replaces that of
    the workload's cases; backends None means every one that is available. `case` is an inline TOML table, in place of
    workloads. A batch of nothing can be checked, but not measured.
    """

    workloads: tuple[str, ...] = ("quick",)
    backends: tuple[str, ...] | None = None
    batch_sizes: tuple[int, ...] = (1, 8, 64)
    passes: tuple[PassName, ...] = PASSES
    dtypes: tuple[DType, ...] | None = None
    cases: tuple[str, ...] | None = None
    case: str | None = None
    threads: int = 0
    device: Device = "cpu"
    seed: int = 0
    blocks: int = 1
    rounds: int = 8
    sample_s: float = 0.005
    budget_s: float = 0.3
    timeout_s: float = 60.0
    timing: bool = True
    memory: bool = True

    def __post_init__(self) -> None:
        for name in self.passes:
            if name not in PASSES:
                raise unknown_name("pass", name, PASSES)
        if self.device not in get_args(Device):
            raise unknown_name("device", self.device, get_args(Device))
        for dtype in self.dtypes or ():
            if dtype not in DTYPES:
                raise unknown_name("dtype", dtype, DTYPES)
        least = 1 if self.timing or self.memory else 0
        if not self.batch_sizes or min(self.batch_sizes) < least:
            given = ", ".join(map(str, self.batch_sizes)) or "none"
            raise UsageError(f"batch sizes must be at least {least}, not {given}")
        for key in ("blocks", "rounds", "sample_s", "budget_s", "timeout_s"):
            if getattr(self, key) <= 0:
                raise UsageError(f"{key.removesuffix('_s')} must be more than 0, not {getattr(self, key)}")
        if self.threads < 0:
            raise UsageError(f"threads must be at least 1 (or 0 for all cores), not {self.threads}")
        if not self.threads:
            object.__setattr__(self, "threads", len(os.sched_getaffinity(0)))
        if self.case is not None:
            object.__setattr__(self, "workloads", ())
        # one order and no repeats, whatever the call said
        object.__setattr__(self, "batch_sizes", tuple(sorted(set(self.batch_sizes))))
        object.__setattr__(self, "passes", tuple(name for name in PASSES if name in self.passes))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for run.json."""
        return asdict(self)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings."""
        return tuple(field.name for field in fields(cls))
