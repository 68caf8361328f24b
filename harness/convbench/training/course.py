"""One entrant's way through a training: its worker, how far it is, and what it may still carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from convbench.plan.network_table import NetworkTable
from convbench.training.schedule import typical_step_s
from convbench.training.settings import TrainingSettings
from convbench.workers.environment import allocator_environment
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered, environment
from convbench.workers.process import WorkerProcess, caches_folder
from convbench.workers.training import messages
from convbench_specs import DType, Settings

LOGS = "logs"
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""Threads of OpenMP that wait for work by spinning slow the host's own part between two layers, up to five times. So
they sleep; those of GNU's library spin for some ten microseconds first, so that they do not sleep within one pass."""
BLAS_PREFIXES = ("OPENBLAS_", "MKL_")
STEP_FACTOR = 20
"""A worker may take so many times as long as its steps took before."""


@dataclass(slots=True)
class Course:
    """An entrant, or a run of the reference with moved first weights."""

    name: str
    registered: Registered
    worker: WorkerProcess
    moves: int = 0
    steps_done: int = 0
    seconds: list[float] = field(default_factory=list)
    """Of each step of this process of the host."""
    is_over: bool = False
    """Whether it takes no further step: it failed, or trains a part only and that is done."""
    is_found_wrong: bool = False

    @property
    def step_s(self) -> float | None:
        """Seconds a step; None before the second."""
        return typical_step_s(self.seconds)

    def timeout_s(self, steps: int, least: float) -> float:
        """How long the worker may take for so many steps."""
        return max(least, STEP_FACTOR * steps * (self.step_s or 0.0))


@dataclass(frozen=True, slots=True)
class Launch:
    """What the workers of a training have in common."""

    settings: TrainingSettings
    network: NetworkTable
    dtype: DType
    data: Path
    folder: Path
    scratch: Path
    reference: Registered

    def course(
        self, registered: Registered, *, moves: int = 0, patience_s: Callable[[], float] = lambda: inf
    ) -> Course:
        """An entrant with a worker that has not started yet."""
        name = moved_name(registered.backend.name, moves)
        asked = self._asked(registered)
        worker = WorkerProcess(
            registered,
            asked,
            log=self.folder / LOGS / f"{name}.log",
            timeout_s=self.settings.timeout_s,
            purpose=self._purpose(registered),
            patience_s=patience_s,
            role="train",
        )
        return Course(name, registered, worker, moves)

    def prepare(self, course: Course) -> messages.Prepared | Failure:
        """Have the worker prepare every layer."""
        return course.worker.request(
            messages.PrepareTraining(
                network=self.network,
                dtype=self.dtype,
                seed=self.settings.seed,
                data=str(self.data),
                moves=course.moves,
            )
        )

    def arrays_of(self, name: str) -> Path:
        """The folder for arrays that a worker writes and the host reads once."""
        return self.scratch / "arrays" / name

    def _asked(self, registered: Registered) -> Settings:
        return Settings(
            threads=registered.threads or self.settings.threads,
            device=self.settings.device,
            scratch_folder=caches_folder(self.scratch, registered),
            options=registered.options,
        )

    def _purpose(self, registered: Registered) -> Mapping[str, str]:
        """The BLAS kernels of the reference are those of all, so that the host multiplies matrices alike everywhere."""
        own = environment(self.reference, self._asked(self.reference))
        blas = {} if isinstance(own, Failure) else own
        chosen = {name: value for name, value in blas.items() if name.startswith(BLAS_PREFIXES)}
        return {**allocator_environment(registered.allocator or "default"), **PASSIVE, **chosen}


def moved_name(name: str, moves: int) -> str:
    """What a run with moved weights is called in the journal.

    >>> moved_name("numpy", 0), moved_name("numpy", 2)
    ('numpy', 'numpy+ulp2')
    """
    return f"{name}+ulp{moves}" if moves else name
