"""The best that each core of this machine was seen to do, kept between runs.

On a shared host a core may be slow for all of a run: only what it did another day shows it. It is kept in a small JSON
file of the user's cache folder, an entry a machine, version of Python and size of a look; what is missing, damaged or
foreign counts as not known, and a file that cannot be written is left.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convbench.machine.core_speed import CHAIN, STEPS, Look
from convbench.machine.facts import machine_facts
from convbench.machine.user_cache import cache_folder, read_table, write_whole

FILE = "core-speeds.json"


def known_bests() -> dict[int, Look]:
    """The best look at each core so far."""
    entry = read_table(_file()).get(_key())
    found = {}
    for core, seconds in entry.items() if isinstance(entry, dict) else ():
        if core.isdecimal() and isinstance(seconds, dict) and _is_look(seconds):
            found[int(core)] = Look(seconds["loop_s"], seconds["chain_s"])
    return found


def keep_bests(bests: Mapping[int, Look]) -> None:
    """Keep the better of what was known and these."""
    known = known_bests()
    better = {core: look.or_better(known.get(core, look)) for core, look in bests.items()}
    if any(known.get(core) != look for core, look in better.items()):
        entry = {str(core): asdict(look) for core, look in sorted((known | better).items())}
        write_whole(_file(), json.dumps({**read_table(_file()), _key(): entry}, indent=1))


def _key() -> str:
    """What the seconds depend on: the machine, the interpreter, and how much work a look is."""
    processor = machine_facts()["processor"]
    work = f"{STEPS} steps, {len(CHAIN)} bytes"
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {work}"


def _is_look(seconds: Mapping[str, Any]) -> bool:
    return all(isinstance(seconds.get(name), float) and seconds[name] > 0 for name in ("loop_s", "chain_s"))


def _file() -> Path:
    return cache_folder(os.environ) / FILE
