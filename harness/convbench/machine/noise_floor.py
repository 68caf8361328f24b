"""The noise floor of this machine: how much the times of identical code differ here, by the last self-test.

The self-test compares a backend with itself many times. The distance of one comparison is max(ratio, 1 / ratio) - 1,
and the floor is the 95th percentile of all distances. Later runs use it as the margin of their verdicts. It is kept in
a small JSON file in the user's cache folder, with one entry for each machine and number of threads. A file that is
missing or damaged counts as empty.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from convbench.machine.facts import machine_facts, usable_cores
from convbench.machine.user_cache import cache_folder, read_table, write_whole
from convbench.text.strict_json import to_json

FILE = "floors.json"


def cached_floor(threads: int) -> float | None:
    """The floor that the last self-test with so many threads found here; None if there was no such test."""
    entry = read_table(_file()).get(machine_key(threads))
    found = entry.get("floor") if isinstance(entry, dict) else None
    return float(found) if isinstance(found, int | float) and 0 <= found < 1 else None


def keep_floor(threads: int, entry: Mapping[str, object]) -> str:
    """Store what a self-test found, at least its `floor`; returns why it could not be stored, or an empty text."""
    path = _file()
    return write_whole(path, to_json({**read_table(path), machine_key(threads): dict(entry)}, indent=1))


def machine_key(threads: int) -> str:
    """What a floor depends on. Versions of packages are not in it: they change the times, but not their noise."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{machine_facts()['processor']}, {len(usable_cores())} cores, {memory} GiB, {threads} threads"


def _file() -> Path:
    return cache_folder(os.environ) / FILE
