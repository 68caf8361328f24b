"""One backend's way through a run: its worker, what is prepared in it, and what became of what was asked.

A worker that dies costs the cell that killed it. The next request finds a fresh worker and the case prepared again.
A backend that keeps failing to start, or that let too many workers die, is given up, and its remaining cells say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.workers import protocol
from convbench.workers.arrays import read_results, unreadable
from convbench.workers.environment import allocator_environment
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered
from convbench.workers.process import WorkerProcess, settings_of
from convbench.workers.protocol import R
from convbench_specs import Case, PassName, TensorName, case_table

MAX_DEATHS = 10
"""So many workers may die or hang before the rest of a backend's cells is skipped: a bug in one case costs three."""


def unsupported(registered: Registered, case: Case) -> str:
    """Why a backend is not even asked for a case, by what it declares; empty where it may be."""
    return registered.backend.supported.refusal(case)


class BackendSession:
    """A backend in a run. Every method returns a reply or a Failure, and raises nothing of the backend's."""

    def __init__(
        self,
        registered: Registered,
        settings: RunSettings,
        *,
        log: Path,
        scratch: Path | None = None,
        purpose: Mapping[str, str] | None = None,
        max_deaths: int = MAX_DEATHS,
        patience_s: Callable[[], float] = lambda: inf,
    ) -> None:
        self.name = registered.backend.name
        self._registered = registered
        asked = settings_of(registered, settings, scratch)
        self.threads = asked.threads
        """Threads of the worker."""
        if purpose is None:
            purpose = allocator_environment(registered.allocator or settings.allocator)
        self._worker = WorkerProcess(
            registered,
            asked,
            log=log,
            timeout_s=settings.timeout_s,
            purpose=purpose,
            patience_s=patience_s,
        )
        self._cold = settings.cache == "cold"
        self._max_deaths = max_deaths
        self._deaths = 0
        self._given_up: Failure | None = None
        self._item: Item | None = None
        self._paths: Mapping[str, str] = {}
        self._resident: protocol.Ready | None = None
        self.busy_cores = 0.0
        """Processor cores that a worker kept busy while it was asked for nothing."""
        self.timed_s: dict[str, float] = {}
        """Seconds that the backend itself took under the clock of its workers, by request."""

    @property
    def started(self) -> protocol.Started | None:
        """What the worker told at its start; None before."""
        return self._worker.started

    @property
    def is_reference(self) -> bool:
        """Whether it comes with convbench itself and has no options or interpreter of its own."""
        return self._registered.is_bundled and self._registered.is_plain

    @property
    def holds_case(self) -> bool:
        """Whether the worker holds a prepared case, so that the next request about it need not prepare it again."""
        return self._resident is not None

    @property
    def can_update(self) -> bool:
        """Whether new values can be put into the prepared case."""
        return self._resident is not None and self._resident.can_update

    def cpu_s(self) -> float:
        """Processor seconds of the present worker so far."""
        return self._worker.cpu_s()

    def launch(self) -> None:
        """Have the worker start while others do: the next request waits for it."""
        if self._given_up is None:
            self._worker.launch()

    def wait(self) -> None:
        """Wait until the worker has started; a failure shows at the next request."""
        self._ask(protocol.Release())

    def predict(self, item: Item, passes: Iterable[PassName]) -> dict[PassName, float | None] | Failure:
        """Seconds that one call of each pass will take, where the backend can tell; a Failure where it is not asked."""
        reason = unsupported(self._registered, item.case)
        if reason:
            return Failure(Status.UNSUPPORTED, reason, alive=True)
        table = case_table(item.case)
        reply = self._ask(protocol.Predict(case=table, batch_size=item.batch_size, passes=list(passes)))
        return reply if isinstance(reply, Failure) else reply.predicted_s

    def declined(self, item: Item, passes: Sequence[PassName]) -> dict[PassName, Failure]:
        """The passes that the backend does not do, or fails on when asked; none where it does them all."""
        reply = self._ask(protocol.Support(case=case_table(item.case), passes=list(passes)))
        if isinstance(reply, Failure):
            return dict.fromkeys(passes, reply)
        return {name: Failure(Status.UNSUPPORTED, why, alive=True) for name, why in reply.declined.items()}

    def prepare(self, item: Item, paths: Mapping[str, str]) -> protocol.Ready | Failure:
        """Have the worker prepare the case on tensors in files."""
        self._item, self._paths, self._resident = item, paths, None
        reason = unsupported(self._registered, item.case)
        if reason:
            return Failure(Status.UNSUPPORTED, reason, alive=True)
        reply = self._ask(protocol.Prepare(case=case_table(item.case), tensors=dict(paths), cold=self._cold))
        if not isinstance(reply, Failure):
            self._resident = reply
        return reply

    def renew(self, item: Item, paths: Mapping[str, str]) -> protocol.Ready | protocol.Updated | Failure:
        """Give the case new tensors: by the backend's update where it has one, else by preparing again."""
        if self._resident is None or not self._resident.can_update or item != self._item:
            return self.prepare(item, paths)
        self._paths = paths
        return self._ask(protocol.Update(tensors=dict(paths)))

    def ask(self, request: protocol.Request[R]) -> R | Failure:
        """A request about the prepared case, which is prepared again if the worker had to be replaced."""
        if self._resident is None and self._item is not None:
            again = self.prepare(self._item, self._paths)
            if isinstance(again, Failure):
                return again
        return self._ask(request)

    def results(
        self, item: Item, paths: Mapping[str, str], passes: Sequence[PassName], folder: Path
    ) -> dict[TensorName, NDArray[Any]] | Failure:
        """What the passes return for tensors in files, unchecked; those that the backend does not do are left out."""
        ready = self.prepare(item, paths)
        if isinstance(ready, Failure):
            return ready
        return self._results(passes, folder)

    def updated_results(
        self, item: Item, paths: Mapping[str, str], passes: Sequence[PassName], folder: Path
    ) -> dict[TensorName, NDArray[Any]] | Failure | None:
        """The same for tensors that are put into the prepared case; None where the backend has no update."""
        if self._resident is None or not self._resident.can_update:
            return None
        ready = self.renew(item, paths)
        return ready if isinstance(ready, Failure) else self._results(passes, folder)

    def _results(self, passes: Sequence[PassName], folder: Path) -> dict[TensorName, NDArray[Any]] | Failure:
        results: dict[TensorName, NDArray[Any]] = {}
        for pass_name in passes:
            reply = self.ask(protocol.Run(pass_name=pass_name, folder=str(folder)))
            if not isinstance(reply, Failure):
                try:
                    results |= read_results(reply.outputs)
                except (OSError, ValueError) as error:
                    reason = f"its result was removed or replaced after the call: {type(error).__name__}"
                    return Failure(Status.CRASHED, reason, alive=True)
            elif reply.status is not Status.UNSUPPORTED:
                return reply
        return results

    def release(self) -> None:
        """Drop the prepared case, if the worker still has it."""
        if self._resident is not None:
            reply = self._ask(protocol.Release())
            if not isinstance(reply, Failure):
                self.busy_cores = max(self.busy_cores, reply.busy_cores)
        self._item, self._resident = None, None

    def suspend(self) -> None:
        """Keep the worker from using the processor until it is asked again."""
        self._worker.suspend()

    def stop(self) -> None:
        """End the worker."""
        self._worker.stop()

    @property
    def left(self) -> set[str]:
        """Names of processes that the backend had put into sessions of their own; they ended with its workers."""
        return self._worker.left

    def _ask(self, request: protocol.Request[R]) -> R | Failure:
        if self._given_up is not None:
            return self._given_up
        was_running = self._worker.is_running
        reply = self._worker.request(request)
        if isinstance(reply, Failure):
            if not reply.alive:
                self._resident = None
                self._count_death(reply, started=was_running or self._worker.started is not None)
            return reply
        if isinstance(request, (protocol.Run, protocol.WriteLast)):
            fault = _fault_of_files(request.folder, reply)
            if fault:
                return Failure(Status.CRASHED, fault, alive=True)
        if reply.timed_s:
            name = protocol.name_of(request)
            self.timed_s[name] = self.timed_s.get(name, 0.0) + reply.timed_s
        return reply

    def _count_death(self, failure: Failure, *, started: bool) -> None:
        self._deaths += 1
        if not started:
            self._given_up = Failure(failure.status, f"it did not start: {failure.reason}", failure.traceback)
        elif self._deaths >= self._max_deaths:
            reason = f"given up after {self._max_deaths} workers of this backend died"
            self._given_up = Failure(Status.SKIPPED, reason)


def _fault_of_files(folder: str, reply: protocol.Reply) -> str:
    """What is wrong with the files that a reply names; empty where nothing is."""
    if isinstance(reply, protocol.Ran):
        return unreadable(reply.outputs, folder) or unreadable(reply.again, folder)
    return unreadable(reply.outputs, folder) if isinstance(reply, protocol.Written) else ""
