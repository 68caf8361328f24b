"""The settings that a plan may name: those of `convbench compare`, under the names of its options.

A key is the option without its hyphens: batch_sizes for --batch-sizes. How a value becomes the words of a command line,
and which values can be, stands here and nowhere else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.text.units import parse_bytes

Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...]
Kind = Literal["flag", "whole number", "number", "text", "whole numbers", "names", "texts"]
LISTS: tuple[Kind, ...] = ("whole numbers", "names", "texts")
_EXPECTED: Mapping[Kind, str] = {
    "flag": "true or false",
    "whole number": "a whole number",
    "number": "a number",
    "text": "text",
    "whole numbers": "a whole number or a list of them",
    "names": "a name or a list of names",
    "texts": "text or a list of texts",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: the type of its values, and the keyword of RunSettings that checks them, where there is one."""

    kind: Kind
    keyword: str = ""


SETTINGS: Mapping[str, Setting] = {
    "backends": Setting("names", "backends"),
    "entrant": Setting("texts", "entrants"),
    "against": Setting("text", "against"),
    "batch_sizes": Setting("whole numbers", "batch_sizes"),
    "passes": Setting("names", "passes"),
    "dtypes": Setting("names", "dtypes"),
    "cases": Setting("names", "cases"),
    "device": Setting("text", "device"),
    "threads": Setting("whole number", "threads"),
    "seed": Setting("whole number", "seed"),
    "effort": Setting("text"),
    "blocks": Setting("whole number", "blocks"),
    "within": Setting("number", "within_s"),
    "rounds": Setting("whole number", "rounds"),
    "budget": Setting("number", "budget_s"),
    "timeout": Setting("number", "timeout_s"),
    "allocator": Setting("text", "allocator"),
    "cache": Setting("text", "cache"),
    "memory": Setting("flag", "memory"),
    "find_largest_batch": Setting("flag", "find_largest_batch"),
    "memory_limit": Setting("text", "memory_limit_bytes"),
    "search_time": Setting("number", "search_s"),
    "plugin": Setting("texts"),
}
"""By the key of the plan."""


def value_of(key: str, given: object) -> Value:
    """A value of a plan's file as the setting has it; one value may stand for a list of one. UsageError for others."""
    kind = SETTINGS[key].kind
    values = given if isinstance(given, list) else [given]
    if kind == "flag" and isinstance(given, bool):
        return given
    if kind == "whole number" and isinstance(given, int) and _is_whole(given):
        return given
    if kind == "number" and isinstance(given, (int, float)) and not isinstance(given, bool):
        return float(given)
    if kind == "text" and isinstance(given, str) and given:
        return given
    if kind == "whole numbers" and values and all(map(_is_whole, values)):
        return tuple(values)
    if kind in {"names", "texts"} and values and all(isinstance(each, str) and each for each in values):
        return tuple(values)
    raise UsageError(f"{key} must be {_EXPECTED[kind]}, not {given!r}")


def check_settings(settings: Mapping[str, Value]) -> None:
    """UsageError where `convbench compare` would refuse these values before it looks at backends or a machine."""
    keywords: dict[str, object] = {}
    for key, value in settings.items():
        keyword = SETTINGS[key].keyword
        if keyword == "memory_limit_bytes":
            try:
                keywords[keyword] = parse_bytes(str(value))
            except ValueError as error:
                raise UsageError(f"{key}: {error}") from error
        elif keyword:
            keywords[keyword] = value
    effort = settings.get("effort")
    RunSettings.of_effort(None if effort is None else str(effort), **keywords)


def words_of(settings: Mapping[str, Value]) -> tuple[str, ...]:
    """The settings as words of a command line, in the order of SETTINGS.

    >>> words_of({"memory": False, "batch_sizes": (1, 8), "entrant": ("a=mine", "b=mine:threads=1")})
    ('--entrant', 'a=mine', '--entrant', 'b=mine:threads=1', '--batch-sizes', '1,8', '--no-memory')
    """
    words: list[str] = []
    for key, setting in SETTINGS.items():
        if key not in settings:
            continue
        value, option = settings[key], f"--{key.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] if value and key != "memory" else ["--no-memory"] if key == "memory" and not value else []
        elif setting.kind == "texts":
            words += [word for text in _each(value) for word in (option, text)]
        elif setting.kind == "names":
            words += [option, _in_quotes(_each(value))]
        else:
            words += [option, ",".join(_each(value))]
    return tuple(words)


def in_short(key: str, value: Value) -> str:
    """A setting in the label of a job; an entrant by its name, a file or an interpreter by the last part of its path.

    >>> in_short("batch_sizes", (1, 8)), in_short("entrant", ("old=mine@/envs/old/bin/python",))
    ('batch_sizes=1+8', 'entrant=old')
    """
    texts = _each(value)
    if key == "entrant":
        texts = [text.partition("=")[0] for text in texts]
    elif key in {"plugin", "against"}:
        texts = [Path(text).name for text in texts]
    return f"{key}={'+'.join(texts)}"


def _each(value: Value) -> list[str]:
    """The parts of a value as a command line has them."""
    parts = value if isinstance(value, tuple) else (value,)
    return [f"{part:g}" if isinstance(part, float) else str(part) for part in parts]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _in_quotes(names: list[str]) -> str:
    """Names with commas between them; one that holds a comma stands in double quotes, as in a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
