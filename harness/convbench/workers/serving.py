"""The process in which a plug-in's code runs. Started as `python -m convbench.workers.serving ROLE FD`.

It reads requests from the socket at descriptor FD and answers each with one frame: a reply of protocol.py, under the
key of the request. What answers is named by ROLE: worker.py computes, informant.py tells what a plug-in offers.
Whatever the backend prints goes to the log, never into a frame. It ends when the host closes the socket, and is killed
by the kernel when the host dies.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from convbench.text.foreign import clean_lines
from convbench.workers import protocol
from convbench.workers.channel import forks, frames
from convbench.workers.contract import fault_line, is_lack_of_memory
from convbench.workers.discovery import questions
from convbench.workers.discovery.informant import Informant
from convbench_specs import Backend

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Answering(Protocol):
    """What answers requests: a Worker or an Informant."""

    @property
    def backend(self) -> Backend | None:
        """The backend that a fault is told of, once it is loaded."""

    def answer(self, request: Any) -> protocol.Reply:  # each takes its own
        """The reply to any request; what the backend raises passes through."""


def serve(connection: socket.socket, answering: Answering, requests: Any) -> None:  # a union of types is no type
    """Answer requests of these types until the host closes the connection."""
    watch = forks.Watch(connection)
    while True:
        try:
            message, key = frames.receive_any(connection)
        except (frames.PeerClosedError, frames.StrangeFrameError):
            return
        try:
            reply = answering.answer(msgspec.convert(message, requests))
            told = _told(reply)
        except BaseException as error:  # noqa: BLE001  # a backend's fault, of any kind, becomes the status of its cell
            told = _told(_fault(error, answering.backend))
        watch.end_copies()
        if watch.saw_a_copy():
            told = _told(protocol.Fault(message=forks.WHAT_IS_WRONG))
        try:
            frames.send(connection, told, key)
        except frames.PeerClosedError:
            return
        except frames.TooLargeError as error:
            frames.send(connection, _told(_fault(error, None)), key)


def _told(reply: protocol.Reply) -> dict[str, object]:
    """A reply as a message, held to its types: a backend's objects may have got into it."""
    message = protocol.to_message(reply)
    msgspec.convert(message, type(reply))
    return message


def _fault(error: BaseException, backend: Backend | None) -> protocol.Fault:
    lacks_memory = is_lack_of_memory(error)
    return protocol.Fault(
        message=fault_line(error, backend),
        traceback="" if lacks_memory else clean_lines(traceback.format_exc()),
        lacks_memory=lacks_memory,
    )


def main() -> None:
    """Entry point of the process."""
    if sys.argv[1] == "inform":
        run_process(Informant(), questions.Question)
    else:
        from convbench.workers.worker import Worker  # noqa: PLC0415  # only one of the two needs what it imports

        run_process(Worker(), protocol.AnyRequest)


def run_process(answering: Answering, requests: Any) -> None:  # as for serve
    """Be the process that ROLE and FD of the command line ask for; it ends with this call."""
    _bind_to_host()
    faulthandler.enable()
    # A backend's own threads or children must not keep the frames open or write into them.
    connection = socket.socket(fileno=int(sys.argv[2]))
    connection.set_inheritable(False)
    serve(connection, answering, requests)
    # Frameworks' exit handlers may hang or crash; nothing is left to save.
    with suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _bind_to_host() -> None:
    """Die with the host, and take in whatever a plug-in leaves behind, so that the host finds and ends it."""
    with suppress(OSError, AttributeError):  # only Linux has them; elsewhere the closed socket ends the worker
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_CHILD_SUBREAPER, 1)


if __name__ == "__main__":
    main()
