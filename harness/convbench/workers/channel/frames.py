"""Frames between the host and a process of a plug-in: 4 bytes of length, big-endian, a key, then one JSON object.

They travel over a socket of their own, so nothing that a framework prints can corrupt them. A plug-in that writes into
the socket nevertheless does not know the key, which the host draws anew for each request: its bytes are told from an
answer before they are read. A peer that closes, a deadline that passes and a frame that is none are told apart by
exception. Arrays never travel here; they go through .npy files, named in the frames. What the frames hold is typed in
protocol.py.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import time

MAX_FRAME_BYTES = 64 * 2**20
"""A longer frame is no frame: it shows that the stream is broken."""
KEY_BYTES = 16

Message = dict[str, object]
# bound here: a plug-in that changes these modules in its own process must not change what is sent
_HEADER = struct.Struct(f">I{KEY_BYTES}s")
_encoded = json.JSONEncoder(allow_nan=True).encode
_clock = time.monotonic
_send = socket.socket.sendall


class PeerClosedError(Exception):
    """The other side closed the connection, as a process that dies does."""


class DeadlinePassedError(Exception):
    """No whole frame came in time."""


class StrangeFrameError(Exception):
    """What came is no frame with the key of the request: somebody else wrote into the connection."""


class TooLargeError(Exception):
    """The message does not fit into a frame; nothing was sent."""


def new_key() -> bytes:
    """The key of a request and of its answer; nobody can guess it."""
    return secrets.token_bytes(KEY_BYTES)


def send(connection: socket.socket, message: Message, key: bytes) -> None:
    """Send one frame; PeerClosedError where nobody listens any more, TooLargeError where it is too long."""
    body = _encoded(message).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise TooLargeError(f"{len(body):,} bytes, at most {MAX_FRAME_BYTES:,} can be sent")
    try:
        connection.settimeout(None)
        _send(connection, _HEADER.pack(len(body), key) + body)
    except OSError as error:
        raise PeerClosedError from error


def receive(connection: socket.socket, key: bytes, *, timeout_s: float | None = None) -> Message:
    """Wait for the frame with this key, at most timeout_s seconds.

    Raises PeerClosedError, DeadlinePassedError, or StrangeFrameError for anything else that came.
    """
    message, found = _receive(connection, key, timeout_s)
    del found
    return message


def receive_any(connection: socket.socket) -> tuple[Message, bytes]:
    """Wait for a frame with whatever key; the message and the key. Raises PeerClosedError or StrangeFrameError."""
    return _receive(connection, None, None)


def _receive(connection: socket.socket, key: bytes | None, timeout_s: float | None) -> tuple[Message, bytes]:
    deadline = None if timeout_s is None else _clock() + timeout_s
    length, found = _HEADER.unpack(_exactly(connection, _HEADER.size, deadline))
    if length > MAX_FRAME_BYTES or (key is not None and not secrets.compare_digest(found, key)):
        raise StrangeFrameError
    try:
        message = json.loads(_exactly(connection, length, deadline))
    except (ValueError, RecursionError) as error:
        raise StrangeFrameError from error
    if not isinstance(message, dict):
        raise StrangeFrameError
    return message, found


def _exactly(connection: socket.socket, count: int, deadline: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        if deadline is not None:
            left = deadline - _clock()
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
