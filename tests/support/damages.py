"""What may happen to a file or a folder: bits, digits and lines are changed, fields are gone, files are swapped."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from convbench.results.events.header import HEADER
from convbench.results.events.journal import JOURNAL

FILES = (HEADER, JOURNAL, JOURNAL, JOURNAL)
"""The journal is most of a run."""


# -- bytes


def flipped(data: bytes, draw: random.Random) -> bytes:
    """A bit of one to four bytes changed."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def other_digit(data: bytes, draw: random.Random) -> bytes:
    """Another digit in place of one."""
    places = [place for place, byte in enumerate(data) if byte in b"0123456789"]
    changed = bytearray(data)
    changed[draw.choice(places)] = draw.choice(b"0123456789")
    return bytes(changed)


def cut(data: bytes, draw: random.Random) -> bytes:
    """The end, the beginning or a part in the middle gone."""
    begin, end = sorted(draw.choices(range(len(data) + 1), k=2))
    return draw.choice([data[:begin], data[end:], data[:begin] + data[end:]])


def cut_line(data: bytes, draw: random.Random) -> bytes:
    """A whole line gone."""
    lines = data.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


def doubled(data: bytes, draw: random.Random) -> bytes:
    """A part of up to 200 bytes twice."""
    begin = draw.randrange(len(data))
    part = data[begin : begin + draw.randint(1, 200)]
    return data[:begin] + part + data[begin:]


def doubled_line(data: bytes, draw: random.Random) -> bytes:
    """A whole line twice."""
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def swapped_lines(data: bytes, draw: random.Random) -> bytes:
    """Two lines in each other's place."""
    lines = data.splitlines(keepends=True)
    left, right = draw.choices(range(len(lines)), k=2)
    lines[left], lines[right] = lines[right], lines[left]
    return b"".join(lines)


def noise(data: bytes, draw: random.Random) -> bytes:
    """Random bytes in place of a part."""
    begin = draw.randrange(len(data))
    length = draw.randint(1, 40)
    return data[:begin] + draw.randbytes(length) + data[begin + length :]


OF_BYTES = (flipped, other_digit, cut, cut_line, doubled, doubled_line, swapped_lines, noise)


# -- fields: run.json is one document, a journal one a line


def dropped_field(data: bytes, draw: random.Random) -> bytes:
    """A key gone."""
    return _edited(data, draw, lambda table, key: table.pop(key))


def retyped_field(data: bytes, draw: random.Random) -> bytes:
    """A value of another type."""

    def retype(table: dict[str, Any], key: str) -> None:
        table[key] = draw.choice([None, [], {}, "text", -1, 1e308, True])

    return _edited(data, draw, retype)


def _edited(data: bytes, draw: random.Random, edit: Callable[[dict[str, Any], str], Any]) -> bytes:
    try:
        document = json.loads(data)
    except ValueError:
        lines = data.splitlines(keepends=True)
        place = draw.randrange(len(lines))
        lines[place] = _edited(lines[place], draw, edit)
        return b"".join(lines)
    tables = list(_tables(document))
    table = draw.choice(tables)
    edit(table, draw.choice(sorted(table)))
    indent = 1 if data.count(b"\n") > 1 else None
    return json.dumps(document, indent=indent).encode() + b"\n"


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value:
            yield value
        for each in value.values():
            yield from _tables(each)
    if isinstance(value, list):
        for each in value:
            yield from _tables(each)


OF_FIELDS = (dropped_field, retyped_field)


# -- folders


def changed_file(copy: Path, other: Path, draw: random.Random) -> str:
    """A damaged file."""
    name, damage = draw.choice(FILES), draw.choice([*OF_BYTES, *OF_FIELDS, *OF_FIELDS])
    (copy / name).write_bytes(damage((copy / name).read_bytes(), draw))
    return f"{damage.__name__} of {name}"


def removed_file(copy: Path, other: Path, draw: random.Random) -> str:
    """A file gone."""
    name = draw.choice(_files(copy))
    (copy / name).unlink()
    return f"without {name}"


def emptied_file(copy: Path, other: Path, draw: random.Random) -> str:
    """A file without a byte."""
    name = draw.choice(_files(copy))
    (copy / name).write_bytes(b"")
    return f"empty {name}"


def swapped_file(copy: Path, other: Path, draw: random.Random) -> str:
    """A file of another run in place of its own."""
    name = draw.choice((HEADER, JOURNAL))
    shutil.copy(other / name, copy / name)
    return f"{name} of another run"


def folder_for_file(copy: Path, other: Path, draw: random.Random) -> str:
    """A folder in place of a file."""
    name = draw.choice(_files(copy))
    (copy / name).unlink()
    (copy / name).mkdir()
    return f"{name} is a folder"


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


OF_FOLDERS = (*[changed_file] * 12, removed_file, emptied_file, swapped_file, folder_for_file)
"""Most of what happens, happens inside a file."""


def damaged_copies(folder: Path, other: Path, place: Path, count: int, seed: int) -> Iterator[tuple[Path, str]]:
    """So many damaged copies of a run, one after the other in one place, each with what was done to it."""
    draw = random.Random(seed)
    for _ in range(count):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)
        yield place, draw.choice(OF_FOLDERS)(place, other, draw)
