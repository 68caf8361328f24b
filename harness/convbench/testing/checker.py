"""Checks one case after another on the same workers, as fuzzing and tests do; each is checked as in a run.

with Checker(registered, settings, folder) as checker:
    checked = checker.check(case, batch_size=3)
    checked.faults           # empty where every backend is right
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.plan.status import LEFT_OUT, Status
from convbench.results.events.schema import AgreementFound, CellFailed, CellJudged, Columns, Recorded
from convbench.results.events.state import RunState
from convbench.run.checking.item import ItemChecker
from convbench.run.checking.reproduce import asked_for, check_command
from convbench.run.sessions import ItemEntrant, failed
from convbench.verify import DIFFERS_ON_NAN
from convbench.workers.arrays import scratch_folder, write_tensors
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered
from convbench.workers.session import MAX_DEATHS, BackendSession
from convbench_specs import PASSES, Case, DataKind, PassName, TensorName, Tensors, kind_of

CALLS = 3
"""Calls of a pass in a check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one pass of a backend; `tensor` is empty where there is no result at all.

    `data` is the further kind of data that shows it, None where usual numbers do.
    """

    backend: str
    pass_name: PassName
    status: Status
    reason: str
    tensor: str = ""
    traceback: str = ""
    data: DataKind | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the columns of each cell, and the rows of the agreement table.

    `shown_on` has the further kind of data that showed a fault first, where it was one.
    """

    item: Item
    state: RunState = field(default_factory=RunState)
    shown_on: dict[tuple[str, PassName], DataKind | None] = field(default_factory=dict)

    @property
    def cells(self) -> dict[tuple[str, PassName], Columns]:
        """The columns of each backend and pass."""
        return {(key.backend, key.pass_name): columns for key, columns in self.state.cells.items()}

    @property
    def rows(self) -> list[AgreementFound]:
        """The rows of the agreement table."""
        return self.state.agreement

    @property
    def faults(self) -> list[Fault]:
        """Every cell that is wrong or failed, in the order of backends and passes."""
        return [
            Fault(
                backend=backend,
                pass_name=pass_name,
                status=Status(str(columns["status"])),
                reason=str(columns["reason"]),
                tensor=str(columns.get("tensor") or ""),
                traceback=str(columns.get("traceback") or ""),
                data=self.shown_on.get((backend, pass_name)),
            )
            for (backend, pass_name), columns in self.cells.items()
            if columns["status"] not in (Status.OK, *LEFT_OUT)
        ]

    @property
    def on_nan(self) -> dict[tuple[str, PassName], str]:
        """By backend and pass, how it differs on NaN or infinity, where it is right on every number."""
        return {
            key: str(columns["reason"])
            for key, columns in self.cells.items()
            if columns.get("verdict") == DIFFERS_ON_NAN
        }

    def left_out(self, backend: str) -> dict[PassName, str]:
        """The passes that a backend does not do, and why."""
        return {
            pass_name: f"{columns['status']}: {columns['reason']}"
            for (name, pass_name), columns in self.cells.items()
            if name == backend and columns["status"] in LEFT_OUT
        }


class Checker:
    """Workers of some backends, kept through many cases; to be used in a with statement.

    `folder` takes what the workers print. Passes whose predicted time is over the budget of the settings are skipped.
    """

    def __init__(
        self, backends: Sequence[Registered], settings: RunSettings, folder: Path, *, max_deaths: int = MAX_DEATHS
    ) -> None:
        self._backends = backends
        self._settings = settings
        self._folder = folder
        self._max_deaths = max_deaths
        self._stack = ExitStack()
        self._scratch = Path()
        self.sessions: dict[str, BackendSession] = {}

    def __enter__(self) -> Self:
        self._scratch = self._stack.enter_context(scratch_folder())
        self._folder.mkdir(parents=True, exist_ok=True)
        for registered in self._backends:
            name = registered.backend.name
            log = self._folder / f"{name}.log"
            session = BackendSession(
                registered, self._settings, log=log, scratch=self._scratch, max_deaths=self._max_deaths
            )
            self._stack.callback(session.stop)
            self.sessions[name] = session
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(
        self, case: Case, batch_size: int, *, identities: bool = False, kinds: Sequence[DataKind] = ()
    ) -> Checked:
        """Check a case, with `identities` also by those that need further calls, and on further `kinds` of data.

        Raises MissingImages where it asks for photographs that are not installed.
        """
        item = Item("checked", case, batch_size)
        checked, entrants = Checked(item), []
        for session in self.sessions.values():
            refused = self._refused(item, session, PASSES)
            for name, why in refused.items():
                checked.state.apply(failed(item, session.name, name, why))
            entrants.append(ItemEntrant(session, tuple(name for name in PASSES if name not in refused)))
        checker = ItemChecker(
            scratch=self._scratch, seed=self._settings.seed, thoroughly=identities, kinds=tuple(kinds)
        )
        for event in checker.events(item, entrants):
            if isinstance(event, Recorded):
                checked.state.apply(event)
            if isinstance(event, CellFailed) or (isinstance(event, CellJudged) and event.is_wrong):
                checked.shown_on.setdefault((event.backend, event.pass_name), kind_of(event.data))
        return checked

    def compute(
        self, backend: str, case: Case, tensors: Tensors, passes: Sequence[PassName] = ("forward", "backward")
    ) -> dict[TensorName, NDArray[Any]] | Failure:
        """What a backend returns for tensors of one's own, unchecked; without the passes that it does not do."""
        session = self.sessions[backend]
        item = Item("computed", case, len(tensors.x))
        for refused in self._refused(item, session, passes).values():
            return refused
        results = session.results(item, write_tensors(self._scratch, tensors), passes, self._scratch)
        session.suspend()
        return results

    def compute_updated(
        self, backend: str, case: Case, first: Tensors, second: Tensors, passes: Sequence[PassName]
    ) -> dict[TensorName, NDArray[Any]] | Failure | None:
        """What the passes return for `second`, put into a case that was prepared and run on `first`.

        None where the backend has no update.
        """
        session = self.sessions[backend]
        item = Item("computed", case, len(first.x))
        before = session.results(item, write_tensors(self._scratch, first), passes, self._scratch)
        if isinstance(before, Failure):
            return before
        results = session.updated_results(item, write_tensors(self._scratch, second), passes, self._scratch)
        session.suspend()
        return results

    def renew(self) -> None:
        """End the workers; the next case finds fresh ones."""
        for session in self.sessions.values():
            session.stop()

    def command(self, case: Case, batch_size: int, backends: Sequence[str], data: DataKind | None = None) -> str:
        """The command that does it again for some of the backends, on a kind of data."""
        entries = [entry for entry in self._backends if entry.backend.name in backends]
        return check_command(case, batch_size, asked_for(entries), self._settings, data=data)

    def _refused(self, item: Item, session: BackendSession, passes: Sequence[PassName]) -> dict[PassName, Failure]:
        """Passes that cannot be tried, or that the backend predicts to take longer than the budget."""
        predicted = session.predict(item, tuple(passes))
        if isinstance(predicted, Failure):
            return dict.fromkeys(passes, predicted)
        slow = {
            name: Failure(
                Status.SKIPPED, f"a call would take {seconds:.2g} s, {CALLS} of them more than the budget", alive=True
            )
            for name, seconds in predicted.items()
            if seconds is not None and seconds * CALLS > self._settings.budget_s
        }
        # what the backend cannot do is unsupported, whatever time it predicts for it
        return slow | session.declined(item, list(slow)) if slow else {}
