"""Examines one case after another on the same workers, as fuzzing and tests do; the way of each is that of a run.

with Examiner(registered, settings, folder) as examiner:
    examined = examiner.examine(case, batch_size=3)
    examined.faults          # empty where every backend is right
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.run.check_item import Examination, Turn
from convbench.text.cases import check_command
from convbench.workers.arrays import scratch_folder, write_tensors
from convbench.workers.plugins import Registered
from convbench.workers.session import MAX_DEATHS, BackendSession, NotOk
from convbench_specs import PASSES, Case, PassName, TensorName, Tensors

CALLS = 3
"""Calls of a pass in an examination."""
NOT_AT_FAULT = ("ok", "unsupported", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one pass of a backend; `tensor` is empty where there is no result at all."""

    backend: str
    pass_name: PassName
    status: str
    reason: str
    tensor: str = ""
    traceback: str = ""


@dataclass(slots=True)
class Examined:
    """What an examination found: the columns of each cell, and the rows of the agreement table."""

    item: Item
    cells: dict[tuple[str, PassName], dict[str, Any]] = field(default_factory=dict)
    rows: list[Mapping[str, Any]] = field(default_factory=list)

    def cell(self, item: Item, backend: str, pass_name: PassName, **columns: Any) -> None:
        """Keep columns of a cell."""
        assert item == self.item
        self.cells.setdefault((backend, pass_name), {}).update(columns)

    def agreement(self, item: Item, row: Mapping[str, Any]) -> None:
        """Keep a row of the agreement table."""
        assert item == self.item
        self.rows.append(row)

    @property
    def faults(self) -> list[Fault]:
        """Every cell that is wrong or failed, in the order of backends and passes."""
        return [
            Fault(
                backend=backend,
                pass_name=pass_name,
                status=columns["status"],
                reason=columns["reason"],
                tensor=columns.get("tensor", ""),
                traceback=columns.get("traceback", ""),
            )
            for (backend, pass_name), columns in self.cells.items()
            if columns["status"] not in NOT_AT_FAULT
        ]

    def left_out(self, backend: str) -> dict[PassName, str]:
        """The passes that a backend does not do, and why."""
        return {
            pass_name: f"{columns['status']}: {columns['reason']}"
            for (name, pass_name), columns in self.cells.items()
            if name == backend and columns["status"] in ("unsupported", "skipped")
        }


class Examiner:
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
        extra = {"NUMBA_CACHE_DIR": str(self._scratch / "numba")}
        for registered in self._backends:
            name = registered.backend.name
            log = self._folder / f"{name}.log"
            session = BackendSession(registered, self._settings, log=log, extra=extra, max_deaths=self._max_deaths)
            self._stack.callback(session.stop)
            self.sessions[name] = session
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def examine(self, case: Case, batch_size: int, *, identities: bool = False) -> Examined:
        """Examine a case, with `identities` also by those that need further calls.

        Raises MissingImages where it asks for photographs that are not installed.
        """
        item = Item("examined", case, batch_size)
        examined = Examined(item)
        turns = [Turn(session, self._affordable(examined, session)) for session in self.sessions.values()]
        Examination(
            item, turns, record=examined, scratch=self._scratch, seed=self._settings.seed, identities=identities
        ).run()
        return examined

    def compute(
        self, backend: str, case: Case, tensors: Tensors, passes: Sequence[PassName] = ("forward", "backward")
    ) -> dict[TensorName, NDArray[Any]] | NotOk:
        """What a backend returns for tensors of one's own, unchecked; without the passes that it does not do."""
        session = self.sessions[backend]
        item = Item("computed", case, len(tensors.x))
        for refused in self._refused(item, session, passes).values():
            return refused
        ready = session.prepare(item, write_tensors(self._scratch, tensors))
        if isinstance(ready, NotOk):
            return ready
        results: dict[TensorName, NDArray[Any]] = {}
        for pass_name in passes:
            reply = session.ask("run", pass_name, folder=str(self._scratch), scrutinise=False)
            if isinstance(reply, NotOk) and reply.status != "unsupported":
                return reply
            if not isinstance(reply, NotOk):
                results |= {name: np.load(path, allow_pickle=False) for name, path in reply["outputs"].items()}
        session.suspend()
        return results

    def renew(self) -> None:
        """End the workers; the next case finds fresh ones."""
        for session in self.sessions.values():
            session.stop()

    def command(self, case: Case, batch_size: int, backends: Sequence[str]) -> str:
        """The command that does it again for some of the backends."""
        plugins = [registered.plugin for registered in self._backends if registered.backend.name in backends]
        return check_command(case, batch_size, backends, self._settings, plugins)

    def _affordable(self, examined: Examined, session: BackendSession) -> dict[PassName, float]:
        """The passes that can be tried; of the others their cells say why not."""
        refused = self._refused(examined.item, session, PASSES)
        for name, why in refused.items():
            examined.cell(
                examined.item, session.name, name, status=why.status, reason=why.reason, traceback=why.traceback
            )
        return {name: 0.0 for name in PASSES if name not in refused}

    def _refused(self, item: Item, session: BackendSession, passes: Sequence[PassName]) -> dict[PassName, NotOk]:
        """Passes that cannot be tried, or that the backend predicts to take longer than the budget."""
        predicted = session.predict(item, tuple(passes))
        if isinstance(predicted, NotOk):
            return dict.fromkeys(passes, predicted)
        refused: dict[PassName, NotOk] = {}
        for name in passes:
            seconds = predicted[name]
            if seconds is not None and seconds * CALLS > self._settings.budget_s:
                reason = f"a call would take {seconds:.2g} s, {CALLS} of them more than the budget"
                refused[name] = NotOk("skipped", reason)
        return refused
