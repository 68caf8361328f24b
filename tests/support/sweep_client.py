"""The client of a sweep, in a process of its own that a test can kill.

sweep_client.py FOLDER ADDRESS      over the workers of a scheduler, or on this computer: here
"""

from __future__ import annotations

import sys
from pathlib import Path

from swept import STUB, here

from convbench.errors import UsageError
from convbench.sweep.conductor import Pace
from convbench.sweep.engines.clusters import at_scheduler
from convbench.sweep.engines.dask_engine import NANNY_VARIABLES
from convbench.sweep.state import SweepFolder
from convbench.sweep.sweeping import Way, go_on_with

PACE = Pace(poll_s=0.1, look_s=0.2, lease_s=3.0, machine_s=20.0)


def main() -> int:
    """0 where everything is done, 1 where something is missing, 2 where the scheduler is."""
    folder, address = SweepFolder.open(Path(sys.argv[1])), sys.argv[2]
    way = here()
    if address != "here":
        way = Way(engine=at_scheduler(address), pace=PACE, dropped_variables=NANNY_VARIABLES, command=STUB)
    try:
        swept = go_on_with(folder, way, lambda text: print(text, flush=True))
    except UsageError as error:
        print(error)
        return 2
    for job, reason in swept.missing:
        print("missing", job.id, reason)
    return 1 if swept.missing else 0


if __name__ == "__main__":
    sys.exit(main())
