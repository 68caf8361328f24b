"""A case as one line that can be typed: the inline TOML table of a workload's case, without what is the default.

    operation = "conv", input = [3, 8, 8], out_channels = 4, kernel_size = 3

What can be left out is found by leaving it out: it is not needed if the same case comes back. So no default stands here
a second time.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from convbench.errors import UsageError
from convbench_specs import Case, WorkloadError, case_table, parse_layer

ORIGIN = "--case"


def case_text(case: Case) -> str:
    """The case in one line; `parse_case` of it gives the case again.

    >>> case_text(parse_case('operation = "conv", input = [3, 8, 8], out_channels = 4, kernel_size = [3, 3]'))
    'operation = "conv", input = [3, 8, 8], out_channels = 4, kernel_size = 3'
    """
    return ", ".join(f"{key} = {to_toml(value)}" for key, value in short_table(case).items())


def parse_case(text: str) -> Case:
    """The case that a line describes, with or without braces around it; UsageError where it is none."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    try:
        document = tomllib.loads(f"case = {{{inner}}}")
    except tomllib.TOMLDecodeError as error:
        problem = re.sub(r" \(at line .*", "", str(error))
        raise UsageError(f"{ORIGIN}: not an inline TOML table: {problem}: {text!r}") from error
    if list(document) != ["case"]:
        raise UsageError(f"{ORIGIN}: must be one case, not {text!r}")
    try:
        return parse_layer(document["case"], origin=ORIGIN).case
    except WorkloadError as error:
        raise UsageError(str(error).replace(f"{ORIGIN}: case 1: ", f"{ORIGIN}: ")) from error


def short_table(case: Case) -> dict[str, Any]:
    """The table of a case with as few keys and numbers as describe it."""
    table = case_table(case)
    for key, value in list(table.items()):
        rest = {name: kept for name, kept in table.items() if name != key}
        for shorter in (rest, {**table, key: _once(value)}):
            if _describes(shorter, case):
                table = shorter
                break
    return table


def case_toml(case: Case) -> str:
    """The [[cases]] table of a workload file."""
    return "\n".join(["[[cases]]", *(f"{key} = {to_toml(value)}" for key, value in short_table(case).items())])


def _once(value: Any) -> Any:
    """A number that a list repeats, at every depth."""
    if not isinstance(value, list):
        return value
    entries = [_once(entry) for entry in value]
    return entries[0] if entries.count(entries[0]) == len(entries) else entries


def _describes(table: dict[str, Any], case: Case) -> bool:
    try:
        return parse_layer(table, origin=ORIGIN).case == case
    except WorkloadError:
        return False


def to_toml(value: Any) -> str:
    """TOML of plain values. Its basic strings are JSON's, but that DEL must be escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
