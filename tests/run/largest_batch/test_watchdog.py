"""A process that grows beyond its limit is killed, and one that does not is left alone."""

from __future__ import annotations

import os
import subprocess
import sys

from convbench.run.largest_batch.watchdog import Watchdog, resident_of

GROW = "import numpy as np\nkept = []\nwhile len(kept) < {}: kept.append(np.ones(500_000))\nprint('done')"


def _run(blocks, **limits):
    """A process that grows by 4 MB at a time, under a watchdog."""
    process = subprocess.Popen([sys.executable, "-c", GROW.format(blocks)], stdout=subprocess.PIPE, text=True)
    fields = {"limit_bytes": 300_000_000, "free_bytes": lambda: 10**12, "least_free_bytes": 0} | limits
    with Watchdog(process.pid, fields.pop("limit_bytes"), **fields) as watchdog:
        out, _ = process.communicate()
    return process.returncode, out, watchdog.tripped


def test_growth_beyond_the_limit_ends_the_process():
    code, out, tripped = _run(10**6)
    assert (code, out) == (-9, "")
    assert "over the limit of 300 MB" in tripped


def test_a_process_within_its_limit_is_left_alone():
    assert _run(10) == (0, "done\n", "")


def test_a_machine_that_runs_short_ends_the_process_too():
    code, _, tripped = _run(10**6, limit_bytes=10**12, free_bytes=lambda: 5, least_free_bytes=10)
    assert code == -9
    assert "of the machine's memory was left" in tripped


def test_a_process_that_is_gone_holds_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident_of(process.pid) == 0
    assert resident_of(os.getpid()) > 10_000_000
