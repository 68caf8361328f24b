"""The process in which one backend computes. Started as `python -m convbench.workers.serving FD`.

It reads requests from the socket at descriptor FD and answers each with one frame, a reply of protocol.py. Whatever the
backend prints goes to the log, never into a frame. It ends when the host closes the socket, and is killed by the kernel
when the host dies.
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

from convbench.workers import frames, protocol
from convbench.workers.contract import fault_line, is_lack_of_memory
from convbench.workers.worker import Worker
from convbench_specs import Backend

PR_SET_PDEATHSIG = 1


def serve(connection: socket.socket) -> None:
    """Answer requests until the host closes the connection."""
    worker = Worker()
    while True:
        try:
            message = frames.receive(connection)
        except frames.PeerClosedError:
            return
        try:
            reply = worker.answer(protocol.to_request(message))
        except Exception as error:  # noqa: BLE001  # a backend's fault, of any kind, becomes the status of its cell
            reply = _fault(error, worker.backend)
        try:
            frames.send(connection, protocol.to_message(reply))
        except frames.PeerClosedError:
            return


def _fault(error: Exception, backend: Backend | None) -> protocol.Fault:
    lacks_memory = is_lack_of_memory(error)
    return protocol.Fault(
        message=fault_line(error, backend),
        traceback="" if lacks_memory else traceback.format_exc(),
        lacks_memory=lacks_memory,
    )


def main() -> None:
    """Entry point of the process."""
    _die_with_host()
    faulthandler.enable()
    # A backend's own threads or children must not keep the frames open or write into them.
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    serve(connection)
    # Frameworks' exit handlers may hang or crash; nothing is left to save.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _die_with_host() -> None:
    with suppress(OSError, AttributeError):  # only Linux has it; elsewhere the closed socket ends the worker
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
