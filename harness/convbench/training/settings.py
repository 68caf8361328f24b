"""What a training is asked to do, checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import get_args

from convbench.errors import UsageError, unknown_name
from convbench.machine.facts import usable_cores
from convbench.plan.entrants import Entrant
from convbench_specs import Device, DType, SpecError
from convbench_specs.recipe import OptimizerName, Recipe

DTYPES: tuple[DType, ...] = ("float64", "float32")
"""Dtypes that networks are trained in."""
DEFAULT_NETWORK = "digits_cnn"
WITHIN_S = 100.0
TIMEOUT_S = 120.0
WATCH_EVERY = 100
MOVED_RUNS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Settings of a training; UsageError for a value that cannot be.

    - network is a workload by name or path that has a [training] table; data is a path, empty for the usual digits.
    - backends None means every one that is available, or the entrants alone where there are any.
    - dtype None is that of the network's cases. epochs, batch_size, optimizer and learning_rate take the place of the
      recipe's.
    - within_s is when the training is to end: entrants that are too slow for that train a part only. timeout_s bounds
      one answer of a worker beyond what it is expected to take.
    - Each step whose number is a multiple of watch_every is watched, beside the first ones; 0: no other step is.
    - moved_runs are runs of the reference with first weights moved by one unit in the last place.
    - reference is the entrant that the others are held against; empty: the first that declares itself one.
    """

    network: str = DEFAULT_NETWORK
    data: str = ""
    backends: tuple[str, ...] | None = None
    entrants: tuple[str, ...] = ()
    dtype: DType | None = None
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: OptimizerName | None = None
    learning_rate: float | None = None
    threads: int = 0
    device: Device = "cpu"
    seed: int = 0
    within_s: float = WITHIN_S
    timeout_s: float = TIMEOUT_S
    watch_every: int = WATCH_EVERY
    moved_runs: int = MOVED_RUNS
    reference: str = ""

    def __post_init__(self) -> None:
        if self.backends == ():
            raise UsageError("backends must name at least one, or be left out")
        for text in self.entrants:
            Entrant.parse(text)
        if self.dtype is not None and self.dtype not in DTYPES:
            raise UsageError(f"networks are trained in {' or '.join(DTYPES)}, not in {self.dtype}")
        if self.device not in get_args(Device):
            raise unknown_name("device", self.device, get_args(Device))
        for key in ("within_s", "timeout_s"):
            if not 0 < getattr(self, key) < inf:
                raise UsageError(f"{key.removesuffix('_s')} must be more than 0 seconds, not {getattr(self, key)}")
        for key in ("threads", "seed", "watch_every", "moved_runs"):
            if getattr(self, key) < 0:
                raise UsageError(f"{key.replace('_', ' ')} must be at least 0, not {getattr(self, key)}")
        if not self.threads:
            object.__setattr__(self, "threads", len(usable_cores()))

    def followed(self, recipe: Recipe) -> Recipe:
        """The recipe with what the call says otherwise; UsageError where that cannot be."""
        asked = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        if given.get("optimizer", recipe.optimizer) != "sgd" and recipe.momentum:
            given["momentum"] = 0.0
        try:
            return replace(recipe, **given)  # type: ignore[arg-type]  # each has the type of its field
        except SpecError as error:
            raise UsageError(f"{error.key.replace('_', ' ')} {error.problem}") from error
