"""The peak of a call is what it allocated, seen from inside a process with the pinned allocator."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from convbench.measure.memory import FLOOR_BYTES, PINNED_ALLOCATOR, can_reset_peak, peak_memory

pytestmark = pytest.mark.skipif(not can_reset_peak(), reason="this system does not let a process reset its peak memory")

CODE = """
import json, sys
import numpy as np
from dataclasses import asdict
from convbench.measure.memory import peak_memory
megabytes, temporary = float(sys.argv[1]), sys.argv[2] == "temporary"
def call():
    a = np.ones(int(megabytes * 1e6 / 8))
    return a.sum() if temporary else a
for _ in range(2):
    call()
print(json.dumps([asdict(peak_memory(call, lambda native: None, None)) for _ in range(3)]))
"""


def _peaks(megabytes, what):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(megabytes), what],
        env={**os.environ, **PINNED_ALLOCATOR}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", ["temporary", "returned"])
@pytest.mark.parametrize("megabytes", [8, 32, 256])
def test_a_known_allocation_is_seen_within_2_percent_or_1_megabyte(megabytes, what):
    for peak in _peaks(megabytes, what):
        assert peak["peak_bytes"] == pytest.approx(megabytes * 1e6, rel=0.02, abs=1e6)
        assert peak["source"] == "resident"


def test_little_memory_is_labelled_below_the_floor():
    (peak, *_) = _peaks(0.1, "temporary")
    assert peak["peak_bytes"] < FLOOR_BYTES
    assert peak["source"] == "resident, below floor"


def test_a_counter_of_the_backend_is_asked_instead():
    class Counter:
        source = "its own"

        def reset(self):
            self.calls = 0

        def peak_bytes(self):
            return 1000 * self.calls

    counter = Counter()

    def call():
        counter.calls += 1

    found = peak_memory(call, lambda native: None, counter)
    assert (found.peak_bytes, found.source) == (1000, "its own")
