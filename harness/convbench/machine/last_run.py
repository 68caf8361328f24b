"""What the user's own last run has left in the load average, so that two runs in a row do not warn of each other.

The load average of the last minute is a moving average whose weights fall by e in 60 s (Linux, kernel/sched/loadavg.c).
A run that kept n cores busy for d seconds and ended t seconds ago still has n (1 - exp(-d / 60)) exp(-t / 60) in it.
When it ended is kept in a small file in the user's cache folder. A file that is missing or damaged counts as no run.
"""

from __future__ import annotations

import os
import time
from math import exp
from pathlib import Path

from convbench.machine.user_cache import cache_folder, read_table, write_whole
from convbench.text.strict_json import to_json

FILE = "last-run.json"
DECAY_S = 60.0


def keep_last_run(cores: int, duration_s: float) -> None:
    """Remember that a run ends now, which kept so many cores busy for so long."""
    left = cores * (1 - exp(-duration_s / DECAY_S))
    write_whole(_file(), to_json({"ended": time.time(), "load": left}, indent=1))


def load_of_last_run() -> float:
    """The part of the load average now that is from the run that ended last; 0 if none is known."""
    entry = read_table(_file())
    ended, load = entry.get("ended"), entry.get("load")
    if not (isinstance(ended, float) and isinstance(load, float)):
        return 0.0
    return left_after(load, time.time() - ended)


def left_after(load: float, seconds: float) -> float:
    """What is left of a load average after some time; 0 where the time is negative, as after the clock was set.

    >>> left_after(2.0, 0.0), round(left_after(2.0, 60.0), 3), left_after(2.0, -1.0)
    (2.0, 0.736, 0.0)
    """
    return load * exp(-seconds / DECAY_S) if seconds >= 0 else 0.0


def _file() -> Path:
    return cache_folder(os.environ) / FILE
