"""What a run is asked to do, checked before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any, Literal, get_args

from convbench.errors import UsageError, unknown_name
from convbench.machine.facts import usable_cores
from convbench.plan.entrants import Entrant
from convbench_specs import DATA_KINDS, DTYPES, PASSES, DataKind, Device, DType, PassName

Allocator = Literal["default", "tuned"]
"""How the workers' malloc treats large buffers; see workers/environment.py."""
Cache = Literal["hot", "cold"]
"""Whether timed calls find their inputs in a cache; see measure/cold_caches.py."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a run spends: blocks, rounds a block, seconds a sample, seconds of calls that a cell may cost.

    Where the run is not within_s old yet, further blocks follow, up to most_blocks. `in_time` says that it ends within
    that time even if it must measure less. `passes` are those that are timed where none are named: `both` repeats the
    work of the other two, and costs half as much again.
    """

    blocks: int
    rounds: int
    sample_s: float
    budget_s: float
    most_blocks: int
    within_s: float
    in_time: bool = True
    passes: tuple[PassName, ...] = ("forward", "backward")


EFFORTS = {
    "glance": Effort(blocks=1, rounds=5, sample_s=0.005, budget_s=0.3, most_blocks=1, within_s=112.0),
    "quick": Effort(blocks=3, rounds=4, sample_s=0.002, budget_s=0.3, most_blocks=24, within_s=112.0),
    "thorough": Effort(
        blocks=30,
        rounds=24,
        sample_s=0.003,
        budget_s=10.0,
        most_blocks=100,
        within_s=300.0,
        in_time=False,
        passes=PASSES,
    ),
}
"""glance tells who is right and roughly how fast; quick, the default, judges differences from 5 % on; thorough, 3 %."""
QUICK = EFFORTS["quick"]
CHECKED_SIZES = (1, 32)
"""Batch sizes that a run takes by default which only checks."""
TIMEOUT_S = 60.0
"""Of one answer of a worker."""
SEARCH_S = 60.0
"""Of one search for the largest batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Settings of a run. Raises UsageError for an impossible value.

    What is run: `workloads` are names, files or models, and `inputs` are the shapes of the models' inputs. `case` is a
    case as an inline TOML table, instead of workloads. `cases` selects cases by name, and `dtypes` replaces the dtypes
    of the cases. `backends` None means all that are available, or only the `entrants` if there are any; entrants are
    texts as plan/entrants.py reads them. `against` is an interpreter in which every chosen backend takes part a second
    time. `data` names further kinds of data for the check of small cases; a run that times takes none, because the
    workers keep the case that they time. A batch size of 0 can be checked, but not measured.

    How long it takes: a block is a fresh set of workers, and a round is one turn of all backends in it. After `blocks`
    blocks, further ones follow, up to `most_blocks` (0: none), as long as the next one is likely to end within
    `within_s` seconds of the run. A run that must be `in_time` also measures less in order to end by then: fewer
    rounds, then fewer items. `budget_s` limits the timing of one cell in the first `blocks`. A cell is skipped, with
    the reason, if one call takes longer, if smaller batch sizes predict this, or if the backend predicts that six calls
    take longer; in all other cases at least three samples are taken. `timeout_s` limits one answer of a worker: a call
    that takes longer is killed.

    What is measured: `timing` and `memory` switch both off. `find_largest_batch` searches the largest batch size within
    `memory_limit_bytes` (0: the free memory less a reserve), for at most `search_s` seconds per case, backend and pass.
    """

    workloads: tuple[str, ...] = ("quick",)
    inputs: tuple[tuple[int, ...], ...] = ()
    backends: tuple[str, ...] | None = None
    entrants: tuple[str, ...] = ()
    against: str = ""
    batch_sizes: tuple[int, ...] = (1, 4, 16, 64)
    passes: tuple[PassName, ...] = PASSES
    dtypes: tuple[DType, ...] | None = None
    cases: tuple[str, ...] | None = None
    case: str | None = None
    threads: int = 0
    device: Device = "cpu"
    seed: int = 0
    data: tuple[DataKind, ...] = ()
    blocks: int = QUICK.blocks
    most_blocks: int = 0
    within_s: float = QUICK.within_s
    in_time: bool = QUICK.in_time
    rounds: int = QUICK.rounds
    sample_s: float = QUICK.sample_s
    budget_s: float = QUICK.budget_s
    timeout_s: float = TIMEOUT_S
    timing: bool = True
    memory: bool = True
    allocator: Allocator = "default"
    cache: Cache = "hot"
    find_largest_batch: bool = False
    memory_limit_bytes: int = 0
    search_s: float = SEARCH_S

    def __post_init__(self) -> None:
        self._check_names()
        for text in self.entrants:
            Entrant.parse(text)
        least = 1 if self.timing or self.memory else 0
        if not self.batch_sizes or min(self.batch_sizes) < least:
            given = ", ".join(map(str, self.batch_sizes)) or "none"
            raise UsageError(f"batch sizes must be at least {least}, not {given}")
        self._check_search()
        if self.data and self.timing:
            raise UsageError("only a check takes further kinds of data: leave out --data")
        for key in ("blocks", "rounds", "sample_s", "within_s", "budget_s", "timeout_s", "search_s"):
            value = getattr(self, key)
            if not 0 < value < inf:  # NaN is neither
                what = "more than 0" if not value > 0 else "a finite number"
                raise UsageError(f"{key.removesuffix('_s')} must be {what}, not {value}")
        if self.threads < 0:
            raise UsageError(f"threads must be at least 1 (or 0 for all cores), not {self.threads}")
        if not self.threads:
            object.__setattr__(self, "threads", len(usable_cores()))
        object.__setattr__(self, "most_blocks", max(self.blocks, self.most_blocks))
        if self.case is not None:
            object.__setattr__(self, "workloads", ())
        object.__setattr__(self, "inputs", tuple(map(tuple, self.inputs)))
        # one order and no repeats, whatever the call said
        object.__setattr__(self, "batch_sizes", tuple(sorted(set(self.batch_sizes))))
        object.__setattr__(self, "passes", tuple(name for name in PASSES if name in self.passes))

    def _check_names(self) -> None:
        for key in ("backends", "passes", "dtypes", "cases"):
            if getattr(self, key) == ():
                raise UsageError(f"{key} is empty: name at least one, or leave it out")
        known = {"device": get_args(Device), "allocator": get_args(Allocator), "cache": get_args(Cache)}
        named: list[tuple[str, str, tuple[str, ...]]] = [("pass", name, PASSES) for name in self.passes]
        named += [("kind of data", name, (*DATA_KINDS,)) for name in self.data]
        named += [("dtype", name, (*DTYPES,)) for name in self.dtypes or ()]
        named += [(key, getattr(self, key), kinds) for key, kinds in known.items()]
        for key, name, kinds in named:
            if name not in kinds:
                raise unknown_name(key, name, kinds)

    def _check_search(self) -> None:
        if self.memory_limit_bytes < 0:
            raise UsageError(f"memory limit must be more than 0 bytes, not {self.memory_limit_bytes}")
        if self.memory_limit_bytes and not self.find_largest_batch:
            raise UsageError("--memory-limit limits the search for the largest batch: add --find-largest-batch")
        if self.search_s != SEARCH_S and not self.find_largest_batch:
            raise UsageError("--search-time limits the search for the largest batch: add --find-largest-batch")
        if self.find_largest_batch and self.device != "cpu":
            raise UsageError(
                f"--find-largest-batch observes the memory of a process, which is not possible on {self.device}"
            )

    @property
    def promised_s(self) -> float:
        """Seconds within which the run promises to end; infinity where it only checks, or no time was stated."""
        return self.within_s if self.in_time and self.timing else inf

    def as_dict(self) -> dict[str, Any]:
        """Plain values for run.json."""
        return asdict(self)

    @classmethod
    def of_effort(cls, effort: str | None = None, **settings: Any) -> RunSettings:
        """Settings with the numbers of an effort (default quick) where `settings` say nothing else."""
        if effort is not None and effort not in EFFORTS:
            raise unknown_name("effort", effort, EFFORTS)
        chosen = asdict(EFFORTS[effort] if effort else QUICK)
        if not settings.get("timing", True):  # a check looks at every pass, and needs no curve over batch sizes
            chosen |= {"passes": PASSES, "batch_sizes": CHECKED_SIZES}
        if "blocks" in settings:  # so many were asked for, and no more
            chosen |= {"most_blocks": 0, "in_time": False}
        if "within_s" in settings:
            chosen["in_time"] = True
        return cls(**(chosen | settings))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings."""
        return tuple(field.name for field in fields(cls))
