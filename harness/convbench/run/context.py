"""What the phases of a run share: what is asked, what is known so far, and the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convbench.plan.items import CellKey, Item, Plan
from convbench.plan.settings import RunSettings
from convbench.results.events.state import RunState
from convbench.run.sessions import ItemEntrant, Workers
from convbench.run.stopwatch import Stopwatch
from convbench.run.timing.budget import Budget
from convbench.run.timing.promise import Promise
from convbench.run.timing.sampler import Sampler
from convbench.run.timing.timed_results import TimedResults
from convbench.workers.plugins import Registered
from convbench.workers.session import BackendSession


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Everything that a phase needs. Only `state` changes, by the events that the phases yield.

    `scratch` is where arrays pass between host and workers. `promise` is what the run has spent, and what still fits
    into its time. `packages` are the distributions on which the speed of backends depends.
    """

    plan: Plan
    settings: RunSettings
    backends: Sequence[Registered]
    state: RunState
    workers: Workers
    sampler: Sampler
    timed_results: TimedResults
    stopwatch: Stopwatch
    scratch: Path
    promise: Promise
    packages: tuple[str, ...] = ()
    too_large: dict[Item, str] = field(default_factory=dict)
    """Items that cannot fit into memory, and why."""

    @property
    def budget(self) -> Budget:
        """What cells may cost, as far as is known."""
        return Budget(self.settings, self.state.fastest_s)

    @property
    def cells_of_item(self) -> int:
        """Cells of one item."""
        return len(self.backends) * len(self.settings.passes)

    def keys_of(self, item: Item) -> list[CellKey]:
        """The cells of an item."""
        return [item.key(each.backend.name, name) for each in self.backends for name in self.settings.passes]

    def elapsed_s(self) -> float:
        """Seconds that the run has taken, those before it was cut short included."""
        return self.promise.deadline.elapsed_s()

    def taking_part(self, item: Item, sessions: Sequence[BackendSession], block: int = 0) -> list[ItemEntrant]:
        """The backends that have computed the item in time for this block, with the passes that they have."""
        entrants = []
        for session in sessions:
            passes = tuple(
                name for name in self.settings.passes if self.state.takes_part(item.key(session.name, name), block)
            )
            entrants.append(ItemEntrant(session, passes))
        return [entrant for entrant in entrants if entrant.passes]
