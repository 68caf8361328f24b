"""The self-test: one backend entered twice under two names, and compared by the ordinary runner as any two would be.

Whatever differs between the two is this machine's noise. Of identical code at most 5 % of the comparisons may be called
faster or slower, and the distance that 95 % of them stay below is the machine's floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from convbench import api
from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.results.statistics.comparison import CONFIDENCE, LEAST_MARGIN
from convbench.results.timings import between
from convbench.run.observer import Observer
from convbench.workers.entrants import Entry, renamed
from convbench.workers.plugins import Registered, Registry, availability
from convbench_specs import Available

BATCH_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
"""With the 7 cases of the quick workload and its 3 passes some 200 comparisons."""
MOST_FLOOR = 0.25
"""A larger one says that the machine was too busy, not what it is like."""
FLOOR_SHARE = 0.95
"""Of the comparisons, below the floor."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What comparing a backend with itself gave; `floor` and `median` are distances, 0.01 is 1 %.

    `called` got the verdict faster or slower, as a report gives it: beyond the least margin of 1 %, adjusted for their
    number. `called_alone` would have got it if each were the only one.
    """

    backend: str
    threads: int
    comparisons: int
    called: int
    called_alone: int
    median: float
    floor: float
    against: str = ""
    """The interpreter of the second, where it is another."""

    @property
    def is_fine(self) -> bool:
        """Whether at most 5 % were called different."""
        return self.called <= (1 - CONFIDENCE) * self.comparisons

    @property
    def is_usable(self) -> bool:
        """Whether the floor is one that verdicts can keep a distance from."""
        return self.floor <= MOST_FLOOR

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def self_test(
    registry: Registry,
    backend: str | None,
    threads: int,
    *,
    output: Path | None,
    observer: Observer,
    told: Sequence[str] | None = None,
    against: str = "",
    **settings: Any,
) -> SelfTest:
    """Run it; takes minutes. Further `settings` replace those of the run, `told` are warnings that were read already.

    With `against` the second of the two runs in that interpreter, which should have the same versions. Raises
    UsageError where there is nothing to compare.
    """
    chosen = choose(registry, backend)
    left, right = twins(chosen) if not against else _over_interpreters(registry, chosen, against)
    pair = Registry(backends={entry.backend.name: entry for entry in (left, right)})
    fixed: dict[str, Any] = {"batch_sizes": BATCH_SIZES, "threads": threads, "memory": False}
    asked = RunSettings.of_effort(**(fixed | settings))
    with TemporaryDirectory(prefix="convbench-") as folder:
        run = api.execute(asked, pair, output=output or Path(folder) / "run", observer=observer, told=told)
        compared = between(run.samples, left.backend.name, right.backend.name, LEAST_MARGIN)
    return judge(compared, backend=chosen.backend.name, threads=asked.threads, against=against)


def judge(compared: pd.DataFrame, *, backend: str, threads: int, against: str = "") -> SelfTest:
    """What the comparisons of a backend with itself say; columns as of Run.compare. UsageError without any."""
    known = compared[np.isfinite(compared["p_value"].astype(float))] if len(compared) else compared
    if known.empty:
        raise UsageError(f"the self-test could not compare {backend} with itself: no cell was timed in two blocks")
    distance = np.expm1(np.abs(np.log(known["ratio"].to_numpy(dtype=float))))
    return SelfTest(
        backend=backend,
        threads=threads,
        comparisons=len(known),
        called=int(known["speed"].isin(["faster", "slower"]).sum()),
        called_alone=int((known["p_value"] < 1 - CONFIDENCE).sum()),
        median=float(np.median(distance)),
        floor=float(np.quantile(distance, FLOOR_SHARE)),
        against=against,
    )


def choose(registry: Registry, backend: str | None) -> Registered:
    """The named backend, or the first that is available and quick; UsageError where none can run.

    A backend that predicts its own times warns of being slow: it is taken only where there is no other. The first in
    order of display comes with convbench's own dependencies, so the floors of two machines are found on the same code.
    """
    if backend is not None:
        (entry,) = registry.select([backend])
        found = availability(entry, "cpu")
        if not isinstance(found, Available):
            raise UsageError(f"{backend} cannot run here: {found.reason}")
        return entry
    entries = sorted(registry.backends.values(), key=_predicts_itself)
    for entry in entries:
        if isinstance(availability(entry, "cpu"), Available):
            return entry
    raise UsageError("no backend is available to be compared with itself")


def twins(entry: Registered) -> tuple[Registered, Registered]:
    """The same backend under two names, each of which gets a worker of its own."""
    first, second = (_renamed(entry, f"{entry.backend.name}-{suffix}") for suffix in "ab")
    return first, second


def _over_interpreters(registry: Registry, entry: Registered, against: str) -> tuple[Registered, Registered]:
    """The backend here, and as it is installed for another interpreter."""
    left, right = Entry(registry).entered([entry.backend.name], [], against, "cpu")
    return left, right


def _renamed(entry: Registered, name: str) -> Registered:
    return replace(entry, backend=renamed(entry.backend, name), alias_of=entry.known_as)


def _predicts_itself(entry: Registered) -> bool:
    return "predict_s" in entry.backend.has
