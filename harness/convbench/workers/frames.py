"""Frames between the host and a worker: 4 bytes of length, big-endian, then one JSON object in UTF-8.

They travel over a socket of their own, so nothing that a framework prints can corrupt them. A peer that closes, a
deadline that passes and a frame that is no JSON object are told apart by exception. Arrays never travel here; they go
through .npy files, named in the frames. What the frames hold is typed in protocol.py.
"""

from __future__ import annotations

import json
import socket
import struct
import time

MAX_FRAME_BYTES = 64 * 2**20
"""A longer frame is no frame: it shows that the stream is broken."""

Message = dict[str, object]


class PeerClosedError(Exception):
    """The other side closed the connection, as a process that dies does."""


class DeadlinePassedError(Exception):
    """No whole frame came in time."""


def send(connection: socket.socket, message: Message) -> None:
    """Send one frame; PeerClosedError where nobody listens any more."""
    body = json.dumps(message, allow_nan=True).encode()
    try:
        connection.settimeout(None)
        connection.sendall(struct.pack(">I", len(body)) + body)
    except OSError as error:
        raise PeerClosedError from error


def receive(connection: socket.socket, *, timeout_s: float | None = None) -> Message:
    """Wait for one frame, at most timeout_s seconds; raises PeerClosedError or DeadlinePassedError."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    (length,) = struct.unpack(">I", _exactly(connection, 4, deadline))
    if length > MAX_FRAME_BYTES:
        raise PeerClosedError
    message = json.loads(_exactly(connection, length, deadline))
    if not isinstance(message, dict):
        raise PeerClosedError
    return message


def _exactly(connection: socket.socket, count: int, deadline: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlinePassedError
            connection.settimeout(left)
        else:
            connection.settimeout(None)
        try:
            part = connection.recv(count - len(parts))
        except TimeoutError as error:
            raise DeadlinePassedError from error
        except OSError as error:
            raise PeerClosedError from error
        if not part:
            raise PeerClosedError
        parts += part
    return bytes(parts)
