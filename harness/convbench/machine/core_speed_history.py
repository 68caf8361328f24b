"""The best times that each core of this machine has reached, kept between runs.

On a shared host a core may be slow during a whole run, which only a comparison with another day can show. The times are
kept in a small JSON file in the user's cache folder, with one entry for each machine, Python version and amount of
work. A file that is missing or damaged counts as empty, and a file that cannot be written is left as it is.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from convbench.machine.core_speed import CHAIN, STEPS, CoreTiming
from convbench.machine.facts import machine_facts
from convbench.machine.user_cache import cache_folder, read_table, write_whole
from convbench.text.strict_json import to_json

FILE = "core-speeds.json"


def known_bests() -> dict[int, CoreTiming]:
    """The best times of each core so far."""
    entry = read_table(_file()).get(_key())
    found = {}
    for core, seconds in entry.items() if isinstance(entry, dict) else ():
        timing = _timing(seconds)
        if core.isdecimal() and timing is not None:
            found[int(core)] = timing
    return found


def keep_bests(bests: Mapping[int, CoreTiming]) -> None:
    """Store these times, or those of before where they were better."""
    known = known_bests()
    better = {core: timing.or_better(known.get(core, timing)) for core, timing in bests.items()}
    if any(known.get(core) != timing for core, timing in better.items()):
        entry = {str(core): asdict(timing) for core, timing in sorted((known | better).items())}
        write_whole(_file(), to_json({**read_table(_file()), _key(): entry}, indent=1))


def _key() -> str:
    """What the times depend on: the machine, the interpreter, and the amount of work."""
    processor = machine_facts()["processor"]
    work = f"{STEPS} steps, {len(CHAIN)} bytes"
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {work}"


def _timing(entry: object) -> CoreTiming | None:
    """The times of one core from its JSON entry; None if it holds none."""
    if not isinstance(entry, dict):
        return None
    loop_s, chain_s = entry.get("loop_s"), entry.get("chain_s")
    if isinstance(loop_s, float) and isinstance(chain_s, float) and loop_s > 0 and chain_s > 0:
        return CoreTiming(loop_s, chain_s)
    return None


def _file() -> Path:
    return cache_folder(os.environ) / FILE
