"""Stands for `python -m convbench` where sweeps are tested: a run of a few steps that takes as long as it is told.

    stub_convbench.py doctor --json
    stub_convbench.py compare WORKLOAD ... --output FOLDER
    stub_convbench.py compare --resume FOLDER

STUB_STEPS and STUB_STEP_S say how many steps a run has, and how long each takes. The workload "missing" fails as one
that is not there does, "wrong" ends as a run with a wrong backend does.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

if sys.argv[1] == "compare":  # the doctor answers at once
    from convbench.results.events.journal import Journal, read_events
    from convbench.results.events.schema import Finished, WarningGiven

HEADER = {"command": "stub", "settings": {}, "machine": {}, "packages": {}, "workloads": []}


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments[0] == "doctor":
        print('{"findings": [{"topic": "load", "level": "warning", "text": "The load is 9."}]}')
        return 0
    if "--resume" in arguments:
        return resume(Path(arguments[arguments.index("--resume") + 1]))
    folder = Path(arguments[arguments.index("--output") + 1])
    if arguments[1] == "missing":
        print("convbench: unknown workload 'missing'")
        return 2
    header = {**HEADER, "started": datetime.now(UTC).isoformat(), "arguments": arguments}
    with Journal.begin(folder, header) as journal:
        return steps(journal, 0, int("wrong" in arguments))


def resume(folder: Path) -> int:
    """Go on after the steps that are there."""
    with Journal.go_on(folder) as journal:
        events = list(read_events(folder))
        if events and isinstance(events[-1], Finished):
            return 0
        return steps(journal, len(events), 0)


def steps(journal: Journal, first: int, code: int) -> int:
    """Make the steps from `first` on."""
    begin = time.monotonic()
    for number in range(first, int(os.environ.get("STUB_STEPS", "3"))):
        time.sleep(float(os.environ.get("STUB_STEP_S", "0.01")))
        journal.write(WarningGiven(text=f"step {number} by {os.environ.get('STUB_NAME', '')}"))
    journal.write(Finished(duration_s=time.monotonic() - begin, interrupted=False, phases_s={}, timed_s={}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
