"""Refuses the network to this process: a model is built with random weights, and nothing is downloaded.

It is no sandbox against a program that means harm, but an honest library fails at once, and says what it wanted.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.connect"})


class NetworkRefusedError(Exception):
    """Something wanted the network; no OSError, after which libraries would try again."""


def refuse_network() -> None:
    """From now on and for good, look-ups of names and connections raise NetworkRefusedError."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in EVENTS:
        return
    if event == "socket.connect":
        connection, address = arguments
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return
        host = address[0]
    else:
        host = arguments[0]
    raise NetworkRefusedError(f"it asks for {host!s}, and nothing is downloaded: let it build without trained weights")
