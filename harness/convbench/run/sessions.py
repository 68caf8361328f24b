"""The workers of a run: a block is a fresh set of them, one a backend; and the event for what one could not do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from convbench.machine.facts import usable_cores
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.results.events.journal import LOGS
from convbench.results.events.schema import CellFailed, WarningGiven, fields_of
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered
from convbench.workers.session import BackendSession
from convbench_specs import DataKind, PassName

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ItemEntrant:
    """One entrant of the run at one item, and the passes in which it takes part there."""

    session: BackendSession
    passes: tuple[PassName, ...]


class Workers:
    """The workers of a run. `timed_s` adds up the seconds that the backends took under the clock, by request."""

    def __init__(
        self,
        backends: Sequence[Registered],
        settings: RunSettings,
        folder: Path,
        scratch: Path,
        *,
        patience_s: Callable[[], float],
    ) -> None:
        """`patience_s` tells how long the run can still wait for an answer."""
        self.patience_s = patience_s
        self._backends = backends
        self._settings = settings
        self._folder = folder
        self._scratch = scratch
        self._working: Sequence[BackendSession] = ()
        self.timed_s: dict[str, float] = {}
        self._left: dict[str, set[str]] = {}

    @contextmanager
    def block(self, purpose: Mapping[str, str] | None = None) -> Iterator[list[BackendSession]]:
        """A session for each backend, ended in the end; `purpose` are variables of their environment.

        Without a purpose each has the allocator that its user chose. All workers of a run share its scratch folder:
        what the first one compiled, the later ones need not.
        """
        with ExitStack() as stack:
            sessions = []
            for registered in self._backends:
                log = self.log_of(registered.backend.name)
                session = BackendSession(
                    registered,
                    self._settings,
                    log=log,
                    scratch=self._scratch,
                    purpose=purpose,
                    patience_s=self.patience_s,
                )
                stack.callback(self._add_left, session)
                stack.callback(session.stop)
                stack.callback(self._add_timed, session)
                sessions.append(session)
            self._working = sessions
            yield sessions
            self._working = ()

    def log_of(self, backend: str) -> Path:
        """The file that takes what a backend's workers print."""
        return self._folder / LOGS / f"{backend}.log"

    def own_s(self) -> float:
        """Processor seconds of this process and its present workers."""
        return time.process_time() + sum(session.cpu_s() for session in self._working)

    def left_behind(self) -> Iterator[WarningGiven]:
        """What to tell of backends whose processes outlived their workers, until they were ended."""
        for backend, names in self._left.items():
            listed = ", ".join(sorted(names))
            yield WarningGiven(
                text=f"{backend} started a process in a session of its own, which was ended with its worker: {listed}"
            )

    def _add_left(self, session: BackendSession) -> None:
        if session.left:
            self._left.setdefault(session.name, set()).update(session.left)

    def _add_timed(self, session: BackendSession) -> None:
        for request, seconds in session.timed_s.items():
            self.timed_s[request] = self.timed_s.get(request, 0.0) + seconds


def launch(sessions: Sequence[BackendSession]) -> None:
    """Start all workers at once and wait for them."""
    for session in sessions:
        session.launch()
    for session in sessions:
        session.wait()
        session.suspend()


def together(entrants: Sequence[ItemEntrant], task: Callable[[ItemEntrant], Result]) -> list[Result]:
    """What the task returns for each entrant, in their order: as many at once as there are cores, so nothing is timed.

    The task may use the session of its own entrant alone, which is suspended when it ends. What a task raises, or
    Ctrl-C, ends the workers that are still asked.
    """

    def carried_out(entrant: ItemEntrant) -> Result:
        try:
            return task(entrant)
        finally:
            entrant.session.suspend()

    with ThreadPoolExecutor(len(usable_cores()), thread_name_prefix="workers") as threads:
        futures = [threads.submit(carried_out, entrant) for entrant in entrants]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            for entrant in entrants:
                entrant.session.stop()  # whoever waits for its answer need not wait any longer
            raise


def failed(item: Item, backend: str, pass_name: PassName, why: Failure, data: DataKind | None = None) -> CellFailed:
    """The event for a cell without a result, on a further kind of `data`."""
    return CellFailed(
        **fields_of(item.key(backend, pass_name)),
        status=why.status,
        reason=why.reason if data is None else f"on {data} data, {why.reason}",
        traceback=why.traceback,
        data=data,
    )
