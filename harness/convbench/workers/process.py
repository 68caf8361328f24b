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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from convbench.workers import protocol
from convbench.workers.plugins import Registered
from convbench_specs import Settings

FailureStatus = Literal["error", "crashed", "timed out", "out of memory"]
PASSED_VARIABLES = (
    "HOME",
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "USER",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
PASSED_PREFIXES = (
    "CONVBENCH_",
    "CUDA_",
    "NVIDIA_",
    "NUMBA_",
    "OPENBLAS_",
    "XLA_",
    "JAX_",
    "TF_",
    "TORCH_",
    "MKL_",
    "COVERAGE_",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer: the status of its cell, one line of reason, and the traceback if there is one."""

    status: FailureStatus
    reason: str
    traceback: str = ""
    alive: bool = False


class WorkerProcess:
    """One worker of one backend. `request` starts it if need be; a dead one is replaced at the next request."""

    def __init__(
        self, registered: Registered, settings: Settings, *, log: Path, timeout_s: float, extra: Mapping[str, str] = {}
    ) -> None:
        self.name = registered.backend.name
        self._registered = registered
        self._settings = settings
        self._log = log
        self._timeout_s = timeout_s
        self._extra = dict(extra)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._suspended = False
        self._ready = False
        self.started: dict[str, Any] = {}

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
        if self._process is None:
            return 0.0
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def launch(self) -> None:
        """Start the process and have it start its backend, without waiting for the answer."""
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-P", "-m", "convbench.workers.worker", str(theirs.fileno())],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._connection = ours
        self._suspended = self._ready = False
        start = {
            "request": "start",
            "plugin": asdict(self._registered.plugin),
            "backend": self._registered.alias_of or self.name,
            "settings": asdict(self._settings),
        }
        with suppress(protocol.PeerClosedError):  # it died already: the answer that does not come will say so
            protocol.send(ours, start)

    def start(self) -> Failure | None:
        """Start the process and its backend, if that is not on its way; a Failure says why it did not."""
        if self._process is None:
            self.launch()
        # importing a framework on a cold disk is not the cell's fault
        reply = self._answer("start", max(self._timeout_s, 60.0))
        if isinstance(reply, Failure):
            self.stop()
            return replace(reply, alive=False)
        self.started, self._ready = reply, True
        return None

    def request(self, request: str, *, timeout_s: float | None = None, **fields: Any) -> dict[str, Any] | Failure:
        """Ask for one thing and wait for the answer, at most timeout_s seconds (default: the cell's limit)."""
        if not self._ready:
            failure = self.start()
            if failure is not None:
                return failure
        self.resume()
        assert self._connection is not None
        with suppress(protocol.PeerClosedError):  # as in launch
            protocol.send(self._connection, {"request": request, **fields})
        return self._answer(request, self._timeout_s if timeout_s is None else timeout_s)

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

    def _answer(self, request: str, timeout_s: float) -> dict[str, Any] | Failure:
        assert self._connection is not None
        begin = time.monotonic()
        try:
            reply = protocol.receive(self._connection, timeout_s=timeout_s)
        except protocol.DeadlinePassedError:
            self.stop()
            return Failure("timed out", f"no answer to {request!r} within {timeout_s:g} s")
        except (protocol.PeerClosedError, ValueError):
            return self._death(time.monotonic() - begin)
        except BaseException:  # Ctrl-C in mid-answer: the frame is lost, so is the worker
            self.stop()
            raise
        if "error" in reply:
            error = reply["error"]
            return Failure(error["kind"], error["message"], error["traceback"], alive=True)
        answer = reply["ok"]
        assert isinstance(answer, dict)
        return answer

    def _death(self, elapsed_s: float) -> Failure:
        """The worker closed its end: find out how it died."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.stop()
            return Failure("crashed", "it closed its connection to the host")
        self.stop()
        if code >= 0:
            return Failure("crashed", f"the worker exited with code {code} after {elapsed_s:.1f} s{self._last_words()}")
        name = signal.Signals(-code).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return Failure("crashed", f"the worker was ended by {name}{hint}")

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text(errors="replace").strip().splitlines()
            if lines:
                return f"; its last words: {lines[-1][:200]}"
        return ""

    def _environment(self) -> dict[str, str]:
        """A short list of what is passed on, the settings for threads, what the backend asks for, then `extra`."""
        inherited = {
            key: value
            for key, value in os.environ.items()
            if key in PASSED_VARIABLES or key.startswith(PASSED_PREFIXES)
        }
        threads = str(self._settings.threads)
        for variable in THREAD_VARIABLES:
            inherited[variable] = threads
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            **self._registered.backend.environment(self._settings),
            **self._extra,
        }

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._signal_group(self._process, number)

    @staticmethod
    def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            os.killpg(process.pid, number)


THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",
)
"""Every variable that was seen to set a framework's thread count; NPROC is XLA's."""
