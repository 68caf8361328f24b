"""A worker of one backend: it is started when it is needed, and replaced when it has failed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from zlib import crc32

from convbench.machine.processor_time import process_s
from convbench.plan.settings import RunSettings
from convbench.plan.status import Status
from convbench.workers import protocol
from convbench.workers.channel.child import Child, Role
from convbench.workers.environment import variables_for, worker_environment
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered, environment
from convbench.workers.protocol import R
from convbench_specs import Settings

START_TIMEOUT_S = 60.0
"""At least so long may a start take: importing a framework from a cold disk is not the cell's fault."""
OF_THE_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOSPC)
"""Too few descriptors or a full disk: no backend is at fault, and none could be started."""
OUT_OF_TIME = "the time of the run was over (--within)"


def caches_folder(scratch: Path, registered: Registered) -> str:
    """The scratch folder that a backend is told of: apart from the arrays of the run, which it could remove with it.

    What one interpreter compiled is not for another, whose packages have other versions.
    """
    python, path = registered.plugin.python, registered.plugin.path
    apart = f"-{crc32(f'{python} {path}'.encode()):08x}" if python or path else ""
    return str(scratch / "caches" / f"{registered.known_as}{apart}")


def settings_of(registered: Registered, settings: RunSettings, scratch: Path | None) -> Settings:
    """What an entrant is asked for: the settings of the run, and its own options."""
    return Settings(
        threads=registered.threads or settings.threads,
        device=settings.device,
        scratch_folder="" if scratch is None else caches_folder(scratch, registered),
        options=registered.options,
    )


class WorkerProcess:
    """One worker of one backend. `request` starts it if need be; a dead one is replaced at the next request.

    An idle worker is stopped by signal: idle thread pools spin and would take processor time from the one that works.
    """

    def __init__(
        self,
        registered: Registered,
        settings: Settings,
        *,
        log: Path,
        timeout_s: float,
        purpose: Mapping[str, str] = {},
        patience_s: Callable[[], float] = lambda: inf,
        role: Role = "compute",
    ) -> None:
        """`patience_s` tells how long the run can still wait for anything, whatever `timeout_s` allows.

        `role` says which requests the process answers.
        """
        self.name = registered.backend.name
        self._registered = registered
        self._settings = settings
        self._log = log
        self._timeout_s = timeout_s
        self._purpose = dict(purpose)
        self._patience_s = patience_s
        self._role = role
        self._child: Child | None = None
        self.left: set[str] = set()
        """Names of processes in sessions of their own that had to be ended with the worker."""
        self._ready = False
        self._refused: Failure | None = None
        self.started: protocol.Started | None = None
        """What the worker told at its start; None before."""

    @property
    def is_running(self) -> bool:
        """Whether a process is there that has answered its start."""
        return self._ready

    @property
    def pid(self) -> int | None:
        """Id of the process, if there is one."""
        return None if self._child is None else self._child.pid

    def cpu_s(self) -> float:
        """Processor seconds that the process used so far, all threads; 0 where there is none."""
        return 0.0 if self._child is None else process_s(self._child.pid)

    def launch(self) -> None:
        """Start the process and have it start its backend, without waiting for the answer."""
        if self._settings.scratch_folder:  # again each time: an earlier worker may have removed it
            Path(self._settings.scratch_folder).mkdir(parents=True, exist_ok=True)
        variables = environment(self._registered, self._settings)
        if isinstance(variables, Failure):
            self._refused = variables
            return
        try:
            python = self._registered.plugin.python
            child = Child(self._role, self._environment(variables), self._log, python=python)
        except OSError as error:  # the backend's variables may be too long together
            if error.errno in OF_THE_MACHINE:
                raise
            self._refused = Failure(Status.ERROR, f"its process could not be started: {error}")
            return
        self._child, self._ready, self._refused = child, False, None
        plugin = self._registered.plugin
        child.send(
            protocol.Start(
                plugin=protocol.Plugin(module=plugin.module, path=plugin.path, folder=plugin.folder),
                backend=self._registered.alias_of or self.name,
                threads=self._settings.threads,
                device=self._settings.device,
                scratch_folder=self._settings.scratch_folder,
                options=dict(self._settings.options),
            )
        )

    def start(self) -> Failure | None:
        """Start the process and its backend, if that is not on its way; a Failure says why it did not."""
        if self._child is None:
            self.launch()
        if self._child is None:
            return self._refused
        reply = self._answer(self._child, protocol.Start, max(self._timeout_s, START_TIMEOUT_S))
        if isinstance(reply, Failure):
            self.stop()
            return replace(reply, alive=False)
        self.started, self._ready = reply, True
        return None

    def request(self, request: protocol.Request[R], *, timeout_s: float | None = None) -> R | Failure:
        """Ask for one thing and wait for the answer, at most timeout_s seconds (default: the cell's limit)."""
        failure = Failure(Status.SKIPPED, OUT_OF_TIME, alive=True) if self._patience_s() <= 0 else None
        if failure is None and not self._ready:
            failure = self.start()
        if failure is not None:
            return failure
        assert self._child is not None
        self._child.resume()
        self._child.send(request)
        try:
            reply = self._answer(self._child, type(request), self._timeout_s if timeout_s is None else timeout_s)
        except BaseException:
            self._forget()
            raise
        if isinstance(reply, Failure) and not reply.alive:
            self._forget()
        return reply

    def suspend(self) -> None:
        """Stop the process by signal until the next request; when this returns none of its threads runs any more."""
        if self._child is not None:
            self._child.suspend()

    def resume(self) -> None:
        """Undo suspend."""
        if self._child is not None:
            self._child.resume()

    def stop(self) -> None:
        """End the process, and all that it has started."""
        child = self._child
        self._forget()
        if child is not None:
            child.stop()
            self.left |= child.left

    def _answer(self, child: Child, request: type[protocol.Request[R]], timeout_s: float) -> R | Failure:
        """The child's answer, for which the run's own time may end earlier than the cell's limit."""
        patience_s = max(0.0, self._patience_s())
        reply = child.answer(request, min(timeout_s, patience_s))
        if isinstance(reply, Failure) and reply.status is Status.TIMED_OUT and patience_s < timeout_s:
            name = protocol.name_of(request)
            return Failure(Status.SKIPPED, f"{name!r} was ended after {patience_s:.3g} s: {OUT_OF_TIME}")
        return reply

    def _forget(self) -> None:
        if self._child is not None:
            self.left |= self._child.left
        self._child, self._ready = None, False

    def _environment(self, backend: Mapping[str, str]) -> dict[str, str]:
        return worker_environment(
            variables_for(os.environ, self._registered.plugin.python),
            self._registered.framework_variables,
            threads=self._settings.threads,
            backend=backend,
            purpose=self._purpose,
        )
