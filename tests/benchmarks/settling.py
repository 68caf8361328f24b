"""How long a worker's calls are slower after it was stopped, and after another pass was called.

    python tests/benchmarks/settling.py --case pool1 --batch-size 32 --pass both --seconds 60

The backends take turns in random order, as in a block of `convbench compare`: in its turn a worker is woken, calls the
pass for some milliseconds that are not timed, then for one that is, then another pass for long, and then the first
again, as before. Printed are the medians over those of calls that came after the longest time and another pass.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from statistics import median

from prepared_workers import answer, case_parser, prepared_workers, warmed_up

from convbench.workers import protocol

BEFORE_MS = (0, 1, 2, 3, 5, 8, 12)
SAMPLE_S = 0.001
OTHER_S = 0.01
"""For so long the other pass is called."""
OTHER = {"forward": "backward", "backward": "forward", "both": "forward"}


def measure(asked):
    """Seconds of a call by backend, what came before ("woken" or "switched") and for how many ms it was called."""
    taken = defaultdict(list)
    with prepared_workers(asked) as sessions:
        loops = {session: warmed_up(session, asked.pass_name, SAMPLE_S) for session in sessions}
        begin = time.monotonic()
        while not taken or time.monotonic() - begin < asked.seconds:
            for before_ms in random.sample(BEFORE_MS, len(BEFORE_MS)):
                for session in random.sample(sessions, len(sessions)):
                    for kind in ("woken", "switched"):
                        sample = {"pass_name": asked.pass_name, "loops": loops[session]}
                        reply = answer(session, protocol.Sample(**sample, settle_s=before_ms * 1e-3))
                        taken[session.name, kind, before_ms].append(reply.elapsed_s / reply.loops)
                        if kind == "woken":
                            other = OTHER[asked.pass_name]
                            answer(session, protocol.Sample(pass_name=other, loops=1, settle_s=OTHER_S))
                    session.suspend()
    return taken


def main():
    """Measure, and print the table."""
    asked = case_parser(__doc__.partition("\n")[0], case="pool1", pass_name="both", seconds=60.0).parse_args()
    taken = measure(asked)
    columns = [f"{kind}, {ms} ms" for kind in ("woken", "switched") for ms in BEFORE_MS]
    print(f"| {asked.case} {asked.batch_size} {asked.pass_name} | a call | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * (1 + len(columns)))
    for name in asked.backends.split(","):
        at_rest = median(taken[name, "switched", BEFORE_MS[-1]])
        over = [median(taken[name, kind, ms]) / at_rest for kind in ("woken", "switched") for ms in BEFORE_MS]
        print(f"| {name} | {at_rest * 1e6:.0f} µs | " + " | ".join(f"{each:.2f}" for each in over) + " |")


if __name__ == "__main__":
    main()
