"""One backend's way through a run: its worker, what is prepared in it, and what became of what was asked.

A worker that dies costs the cell that killed it. The next request finds a fresh worker and the case prepared again.
A backend that keeps failing to start, or that let too many workers die, is given up, and its remaining cells say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.workers.plugins import Registered
from convbench.workers.process import Failure, WorkerProcess
from convbench_specs import PassName, Settings, case_table

MAX_DEATHS = 10
"""So many workers may die or hang before the rest of a backend's cells is skipped: a bug in one case costs three."""


@dataclass(frozen=True, slots=True)
class NotOk:
    """Why a cell has no result: its status, one line of reason, and a traceback if there is one."""

    status: str
    reason: str
    traceback: str = ""


class BackendSession:
    """A backend in a run. Every method returns a reply's fields or a NotOk, and raises nothing of the backend's."""

    def __init__(
        self,
        registered: Registered,
        settings: RunSettings,
        *,
        log: Path,
        extra: Mapping[str, str] | None = None,
        max_deaths: int = MAX_DEATHS,
    ) -> None:
        self.name = registered.backend.name
        self._worker = WorkerProcess(
            registered,
            Settings(threads=settings.threads, device=settings.device),
            log=log,
            timeout_s=settings.timeout_s,
            extra=extra or {},
        )
        self._cold = settings.cache == "cold"
        self._max_deaths = max_deaths
        self._deaths = 0
        self._given_up: NotOk | None = None
        self._item: Item | None = None
        self._paths: Mapping[str, str] = {}
        self._resident = False
        self.timed_s: dict[str, float] = {}
        """Seconds that the backend itself took under the clock of its workers, by request."""

    @property
    def started(self) -> Mapping[str, Any]:
        """What the worker told at its start: facts, start_s, harness_overhead_s; empty before."""
        return self._worker.started

    def cpu_s(self) -> float:
        """Processor seconds of the present worker so far."""
        return self._worker.cpu_s()

    def launch(self) -> None:
        """Have the worker start while others do: the next request waits for it."""
        if self._given_up is None:
            self._worker.launch()

    def wait(self) -> None:
        """Wait until the worker has started; a failure shows at the next request."""
        self._ask("release")

    def predict(self, item: Item, passes: tuple[PassName, ...]) -> dict[str, float | None] | NotOk:
        """Seconds that one call of each pass will take, where the backend can tell."""
        reply = self._ask("predict", case=case_table(item.case), batch_size=item.batch_size, passes=list(passes))
        return reply if isinstance(reply, NotOk) else dict(reply["predicted_s"])

    def prepare(self, item: Item, paths: Mapping[str, str]) -> dict[str, Any] | NotOk:
        """Have the worker prepare the case on tensors in files."""
        self._item, self._paths, self._resident = item, paths, False
        reply = self._ask("prepare", case=case_table(item.case), tensors=dict(paths), cold=self._cold)
        if isinstance(reply, NotOk):
            return reply
        if "unsupported" in reply:
            return NotOk("unsupported", reply["unsupported"])
        self._resident = True
        return reply

    def ask(self, request: str, pass_name: PassName, **fields: Any) -> dict[str, Any] | NotOk:
        """A request about a pass of the prepared case, prepared again if the worker had to be replaced."""
        if not self._resident and self._item is not None:
            again = self.prepare(self._item, self._paths)
            if isinstance(again, NotOk):
                return again
        reply = self._ask(request, pass_name=pass_name, **fields)
        if isinstance(reply, dict) and "unsupported" in reply:
            return NotOk("unsupported", reply["unsupported"])
        return reply

    def release(self) -> None:
        """Drop the prepared case, if the worker still has it."""
        if self._resident:
            self._ask("release")
        self._item, self._resident = None, False

    def suspend(self) -> None:
        """Keep the worker from using the processor until it is asked again."""
        self._worker.suspend()

    def stop(self) -> None:
        """End the worker."""
        self._worker.stop()

    def _ask(self, request: str, **fields: Any) -> dict[str, Any] | NotOk:
        if self._given_up is not None:
            return self._given_up
        was_running = self._worker.is_running
        reply = self._worker.request(request, **fields)
        if not isinstance(reply, Failure):
            if timed := reply.pop("timed_s", 0.0):
                self.timed_s[request] = self.timed_s.get(request, 0.0) + timed
            return reply
        if not reply.alive:
            self._resident = False
            self._count_death(reply, started=was_running or bool(self._worker.started))
        return NotOk(reply.status, reply.reason, reply.traceback)

    def _count_death(self, failure: Failure, *, started: bool) -> None:
        self._deaths += 1
        if not started:
            self._given_up = NotOk(failure.status, f"it did not start: {failure.reason}", failure.traceback)
        elif self._deaths >= self._max_deaths:
            self._given_up = NotOk("skipped", f"given up after {self._max_deaths} workers of this backend died")
