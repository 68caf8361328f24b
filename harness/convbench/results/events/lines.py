"""An event as a line of the journal: strict JSON, with a checksum that goes on from line to line.

`crc32` is the last key of a line: the CRC-32 (of zlib) of the line without it, begun with that of the line before. So a
digit that was changed, and a line that is missing, doubled or out of place, are all found out at their line.
"""

from __future__ import annotations

import json
import re
from zlib import crc32

import msgspec

from convbench.results.events.schema import Event, Recorded
from convbench.results.events.schema_1 import OldEvent
from convbench.text.foreign import all_visible
from convbench.text.strict_json import to_json

_SEAL = re.compile(rb', "crc32": "([0-9a-f]{8})"}\n?\Z')
_STRICT: msgspec.json.Decoder[Event | OldEvent] = msgspec.json.Decoder(Event | OldEvent)
_LAX: msgspec.json.Decoder[Event | OldEvent] = msgspec.json.Decoder(Event | OldEvent, strict=False)


def to_line(event: Recorded, before: int) -> tuple[bytes, int]:
    """The line of an event with its newline, and its checksum; `before` is that of the line before, at first 0."""
    return sealed(msgspec.to_builtins(event), before)


def sealed(value: object, before: int) -> tuple[bytes, int]:
    """The line of an object of JSON, and its checksum."""
    body = to_json(value).encode()
    checksum = crc32(body, before)
    return body[:-1] + b', "crc32": "%08x"}\n' % checksum, checksum


def checksum_of(line: bytes) -> int | None:
    """The checksum that a line tells; None where it has none."""
    seal = _SEAL.search(line)
    return None if seal is None else int(seal[1], 16)


def check_line(line: bytes, before: int, *, required: bool) -> int:
    """The checksum of a line; ValueError where it is not the right one, or is missing although `required`."""
    seal = _SEAL.search(line)
    if seal is None:
        if required:
            raise ValueError("it has no checksum")
        return before
    told = int(seal[1], 16)
    if crc32(line[: seal.start()] + b"}", before) != told:
        raise ValueError("its checksum does not fit: it was changed, or lines before it are missing")
    return told


def to_event(line: bytes) -> Event | OldEvent:
    """The event of a line; ValueError where it is none.

    Infinity and NaN are strings that stand in place of a number, in older journals words that JSON does not have.
    """
    if b"\\u" in line or b"\x7f" in line or not line.isascii():  # others may have written it
        return _converted(all_visible(json.loads(line)))
    try:
        return _STRICT.decode(line)
    except msgspec.ValidationError:
        return _LAX.decode(line)
    except msgspec.DecodeError:
        return _converted(json.loads(line))


def _converted(value: object) -> Event | OldEvent:
    event: Event | OldEvent
    try:
        event = msgspec.convert(value, Event | OldEvent)
    except msgspec.ValidationError:
        event = msgspec.convert(value, Event | OldEvent, strict=False)
    return event
