"""Whether a run folder is that of a run which came to its end."""

from __future__ import annotations

from pathlib import Path

from convbench.errors import RunError
from convbench.results.events.journal import read_events
from convbench.results.events.schema import Finished


def is_whole(run: Path) -> bool:
    """Whether the run of a folder is finished; every checksum of its journal is looked at."""
    last = None
    try:
        for event in read_events(run):
            last = event
    except RunError:
        return False
    return isinstance(last, Finished) and not last.interrupted
