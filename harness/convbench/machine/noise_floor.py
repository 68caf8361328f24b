"""This machine's floor: by how much the times of identical code differ here, kept from its last self-test.

The floor is the 95th percentile of the distance between a backend and itself over the comparisons of the self-test,
max(ratio, 1 / ratio) - 1. Verdicts of later runs keep that margin. It is kept in a small JSON file of the user's cache
folder, an entry a machine and number of threads; a file that is missing, damaged or foreign counts as none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from convbench.machine.facts import machine_facts, usable_cores
from convbench.machine.user_cache import cache_folder, read_table, write_whole

FILE = "floors.json"


def cached_floor(threads: int) -> float | None:
    """What the last self-test with so many threads found here; None where there was none."""
    entry = read_table(_file()).get(machine_key(threads))
    found = entry.get("floor") if isinstance(entry, dict) else None
    return float(found) if isinstance(found, int | float) and 0 <= found < 1 else None


def keep_floor(threads: int, entry: Mapping[str, Any]) -> str:
    """Keep what a self-test found, at least its `floor`; why it could not be kept, or nothing."""
    path = _file()
    return write_whole(path, json.dumps({**read_table(path), machine_key(threads): dict(entry)}, indent=1))


def machine_key(threads: int) -> str:
    """What a floor depends on: processor, usable cores, memory and threads; packages change times, not their noise."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{machine_facts()['processor']}, {len(usable_cores())} cores, {memory} GiB, {threads} threads"


def _file() -> Path:
    return cache_folder(os.environ) / FILE
