"""The host's end of a process in which a plug-in's code runs: it is asked, suspended, and ended with what it started.

- A fresh process, never a fork of one that has run: frameworks hang when forked, and the environment must stand before
  they are imported.
- One request is on its way at a time. What came in place of its answer is a value, Failure, with the status that a cell
  gets; the process is ended then, but for a fault that it told itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

import msgspec

from convbench.plan.status import Status
from convbench.text.foreign import clean
from convbench.workers import protocol
from convbench.workers.channel import frames
from convbench.workers.channel.leftovers import end_descendants, end_marked, new_mark
from convbench.workers.channel.log import Log
from convbench.workers.failure import Failure
from convbench.workers.protocol import R

Role = Literal["compute", "inform", "extract", "train"]
"""What the process is for: see worker.py, informant.py, extraction/serving.py and training/serving.py."""
MODULES: dict[Role, str] = {
    "compute": "convbench.workers.serving",
    "inform": "convbench.workers.serving",
    "extract": "convbench.extraction.serving",
    "train": "convbench.workers.training.serving",
}
"""What is run as the process."""
LONGEST_WORDS = 200
DYING_S = 5.0
"""A process that closed its connection may take so long to end."""


class Child:
    """A running process; OSError where it cannot be started. What it prints is appended to `log`, if there is one.

    `python` is another interpreter than the one that runs convbench.
    """

    def __init__(
        self, role: Role, environment: Mapping[str, str], log: Path | None = None, *, python: str = ""
    ) -> None:
        self._mark = new_mark()
        self._key = b""
        self._suspended = False
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(ours.close)
            self._log = None if log is None else Log(log)
            if self._log is not None:
                undo.callback(self._log.close)
            output = subprocess.DEVNULL if self._log is None else self._log.pipe
            self._process = subprocess.Popen(  # noqa: S603  # an interpreter that the user named, and our module
                [python or sys.executable, "-P", "-m", MODULES[role], role, str(theirs.fileno())],
                env={**environment, **self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
            undo.pop_all()
        if self._log is not None:
            self._log.started()
        self._connection = ours
        self.left: set[str] = set()
        """Names of processes that it had put into sessions of their own, and that were ended with it."""

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def send(self, request: protocol.Request[R]) -> None:
        """Ask for something, without waiting for the answer."""
        self._key = frames.new_key()
        with suppress(frames.PeerClosedError):  # it died already: the answer that does not come will say so
            frames.send(self._connection, protocol.to_message(request), self._key)

    def answer(self, request: type[protocol.Request[R]], timeout_s: float) -> R | Failure:
        """The answer to what was sent; after any Failure that is not alive the process has ended."""
        reply = self._reply(request, timeout_s)
        if isinstance(reply, protocol.Fault):
            status = Status.OUT_OF_MEMORY if reply.lacks_memory else Status.ERROR
            return Failure(status, reply.message, reply.traceback, alive=True)
        if isinstance(reply, protocol.Declined):
            return Failure(Status.UNSUPPORTED, reply.reason, alive=True)
        return reply

    def suspend(self) -> None:
        """Stop the process by signal until it is asked again; when this returns none of its threads runs any more."""
        if not self._suspended:
            self._signal(signal.SIGSTOP)
            with suppress(ChildProcessError):  # it ended, and that was noticed already
                os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self._suspended = True

    def resume(self) -> None:
        """Undo suspend."""
        if self._suspended:
            self._signal(signal.SIGCONT)
            self._suspended = False

    def stop(self) -> None:
        """End the process, and all that it has started."""
        self._signal(signal.SIGSTOP)  # while it lives it holds on to what it has started
        if self._process.poll() is None:
            self.left |= end_descendants(self.pid)
        self._signal(signal.SIGKILL)
        self._connection.close()
        self._process.wait()
        self.left |= end_marked(self._mark)
        if self._log is not None:
            self._log.close()

    def _reply(
        self, request: type[protocol.Request[R]], timeout_s: float
    ) -> R | protocol.Fault | protocol.Declined | Failure:
        begin, name = time.monotonic(), protocol.name_of(request)
        try:
            message = frames.receive(self._connection, self._key, timeout_s=timeout_s)
            return protocol.to_reply(message, protocol.reply_type(request))
        except frames.DeadlinePassedError:
            return self._ended(Status.TIMED_OUT, f"no answer to {name!r} within {timeout_s:g} s")
        except frames.PeerClosedError:
            return self._death(time.monotonic() - begin)
        except frames.StrangeFrameError:
            return self._ended(Status.CRASHED, f"the backend wrote into the connection to the host, during {name!r}")
        except msgspec.ValidationError as error:
            return self._ended(Status.CRASHED, clean(f"its answer to {name!r} cannot be read: {error}"))
        except BaseException:  # Ctrl-C in mid-answer: the frame is lost, so is the process
            self.stop()
            raise

    def _ended(self, status: Status, reason: str) -> Failure:
        self.stop()
        return Failure(status, reason)

    def _death(self, elapsed_s: float) -> Failure:
        """The process closed its end: find out how it died."""
        try:
            code = self._process.wait(timeout=DYING_S)
        except subprocess.TimeoutExpired:
            return self._ended(Status.CRASHED, "it closed its connection to the host")
        if code >= 0:
            words = f"the worker exited with code {code} after {elapsed_s:.1f} s{self._last_words()}"
            return self._ended(Status.CRASHED, words)
        hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
        return self._ended(Status.CRASHED, f"the worker was ended by {signal_name(-code)}{hint}")

    def _last_words(self) -> str:
        last = "" if self._log is None else self._log.last_line()
        return f"; its last words: {clean(last, LONGEST_WORDS)}" if last else ""

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            os.killpg(self.pid, number)


def signal_name(number: int) -> str:
    """The name of a signal; real-time signals are counted from the first.

    >>> signal_name(9), signal_name(36), signal_name(200)
    ('SIGKILL', 'SIGRTMIN+2', 'signal 200')
    """
    with suppress(ValueError):
        return signal.Signals(number).name
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    return f"signal {number}"
