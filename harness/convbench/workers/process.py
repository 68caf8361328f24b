"""The host's end of a worker: a subprocess that is asked, suspended, and replaced when it fails.

- A fresh process, never a fork of one that has run: frameworks hang when forked, and the environment must stand
  before they are imported.
- An idle worker is stopped by signal: idle thread pools spin and would take processor time from the one that works.
- What went wrong is a value, Failure, with the status that a cell gets.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from convbench.machine.processor_time import process_s
from convbench.plan.status import Status
from convbench.workers import frames, protocol
from convbench.workers.environment import worker_environment
from convbench.workers.plugins import Registered
from convbench.workers.protocol import R
from convbench_specs import Settings

START_TIMEOUT_S = 60.0
"""At least so long may a start take: importing a framework from a cold disk is not the cell's fault."""
OUT_OF_TIME = "the time of the run was over (--within)"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no result: the status of its cell, one line of reason, and the traceback if there is one.

    `alive` says that the worker still runs.
    """

    status: Status
    reason: str
    traceback: str = ""
    alive: bool = False


class WorkerProcess:
    """One worker of one backend. `request` starts it if need be; a dead one is replaced at the next request."""

    def __init__(
        self,
        registered: Registered,
        settings: Settings,
        *,
        log: Path,
        timeout_s: float,
        purpose: Mapping[str, str] = {},
        patience_s: Callable[[], float] = lambda: inf,
    ) -> None:
        """`patience_s` tells how long the run can still wait for anything, whatever `timeout_s` allows."""
        self.name = registered.backend.name
        self._registered = registered
        self._settings = settings
        self._log = log
        self._timeout_s = timeout_s
        self._purpose = dict(purpose)
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._suspended = False
        self._ready = False
        self.started: protocol.Started | None = None
        """What the worker told at its start; None before."""

    @property
    def is_running(self) -> bool:
        """Whether a process is there that has answered its start."""
        return self._ready

    @property
    def pid(self) -> int | None:
        """Id of the process, if there is one."""
        return None if self._process is None else self._process.pid

    def cpu_s(self) -> float:
        """Processor seconds that the process used so far, all threads; 0 where there is none."""
        return 0.0 if self._process is None else process_s(self._process.pid)

    def launch(self) -> None:
        """Start the process and have it start its backend, without waiting for the answer."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-P", "-m", "convbench.workers.serving", str(theirs.fileno())],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._connection = ours
        self._suspended = self._ready = False
        plugin = self._registered.plugin
        start = protocol.Start(
            plugin=protocol.Plugin(module=plugin.module, path=plugin.path, folder=plugin.folder),
            backend=self._registered.alias_of or self.name,
            threads=self._settings.threads,
            device=self._settings.device,
            scratch_folder=self._settings.scratch_folder,
        )
        with suppress(frames.PeerClosedError):  # it died already: the answer that does not come will say so
            frames.send(ours, protocol.to_message(start))

    def start(self) -> Failure | None:
        """Start the process and its backend, if that is not on its way; a Failure says why it did not."""
        if self._process is None:
            self.launch()
        reply = self._answer("start", protocol.Started, max(self._timeout_s, START_TIMEOUT_S))
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
        self.resume()
        assert self._connection is not None
        with suppress(frames.PeerClosedError):  # as in launch
            frames.send(self._connection, protocol.to_message(request))
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        return self._answer(protocol.name_of(request), protocol.reply_type(request), timeout_s)

    def suspend(self) -> None:
        """Stop the process by signal until the next request; when this returns none of its threads runs any more."""
        if self._process is not None and not self._suspended:
            self._signal(signal.SIGSTOP)
            with suppress(ChildProcessError):  # it ended, and that was noticed already
                os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self._suspended = True

    def resume(self) -> None:
        """Undo suspend."""
        if self._process is not None and self._suspended:
            self._signal(signal.SIGCONT)
            self._suspended = False

    def stop(self) -> None:
        """End the process, at once if it does not end by itself."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        self._ready = False
        if connection is not None:
            connection.close()
        if process is not None:
            self._signal_group(process, signal.SIGKILL)
            process.wait()

    def _answer(self, request: str, expected: type[R], timeout_s: float) -> R | Failure:
        assert self._connection is not None
        begin, patience_s = time.monotonic(), max(0.0, self._patience_s())
        try:
            reply = protocol.to_reply(frames.receive(self._connection, timeout_s=min(timeout_s, patience_s)))
        except frames.DeadlinePassedError:
            self.stop()
            late = Failure(Status.SKIPPED, f"{request!r} was ended after {patience_s:.3g} s: {OUT_OF_TIME}")
            killed = Failure(Status.TIMED_OUT, f"no answer to {request!r} within {timeout_s:g} s")
            return late if patience_s < timeout_s else killed
        except (frames.PeerClosedError, ValueError):
            return self._death(time.monotonic() - begin)
        except BaseException:  # Ctrl-C in mid-answer: the frame is lost, so is the worker
            self.stop()
            raise
        if isinstance(reply, protocol.Fault):
            status = Status.OUT_OF_MEMORY if reply.lacks_memory else Status.ERROR
            return Failure(status, reply.message, reply.traceback, alive=True)
        if isinstance(reply, protocol.Declined):
            return Failure(Status.UNSUPPORTED, reply.reason, alive=True)
        if not isinstance(reply, expected):
            self.stop()
            return Failure(Status.CRASHED, f"the worker answered {request!r} with {type(reply).__name__}")
        return reply

    def _death(self, elapsed_s: float) -> Failure:
        """The worker closed its end: find out how it died."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.stop()
            return Failure(Status.CRASHED, "it closed its connection to the host")
        self.stop()
        if code >= 0:
            return Failure(
                Status.CRASHED, f"the worker exited with code {code} after {elapsed_s:.1f} s{self._last_words()}"
            )
        name = signal.Signals(-code).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return Failure(Status.CRASHED, f"the worker was ended by {name}{hint}")

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text(errors="replace").strip().splitlines()
            if lines:
                return f"; its last words: {lines[-1][:200]}"
        return ""

    def _environment(self) -> dict[str, str]:
        return worker_environment(
            os.environ,
            self._registered.framework_variables,
            threads=self._settings.threads,
            backend=self._registered.backend.environment(self._settings),
            purpose=self._purpose,
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._signal_group(self._process, number)

    @staticmethod
    def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            os.killpg(process.pid, number)
