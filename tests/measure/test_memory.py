"""The peak of a call is what it allocated, seen from inside a process with the pinned allocator."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref

import pytest

from convbench.measure import memory
from convbench.measure.memory import (
    FLOOR_BYTES,
    PeakMemory,
    can_reset_peak,
    kept_memory,
    peak_memory,
    readings,
)
from convbench.run.memory import warning
from convbench.workers import protocol
from convbench.workers.environment import PINNED_ALLOCATOR
from convbench.workers.worker import Worker

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


KEPT = """
import json
import numpy as np
from convbench.measure.memory import kept_memory
def forward():
    scratch = np.ones(5_000_000)
    return np.ones(1_000_000), scratch[:10].copy()
print(json.dumps([kept_memory(forward, lambda native: None, None) for _ in range(3)]))
"""


def test_what_a_forward_for_training_keeps_is_seen_and_its_scratch_is_not():
    done = subprocess.run(
        [sys.executable, "-c", KEPT], env={**os.environ, **PINNED_ALLOCATOR}, capture_output=True, text=True, check=True
    )
    for kept in json.loads(done.stdout):
        assert kept == pytest.approx(8e6, rel=0.02)


class Plain:
    """A counter that knows peaks alone."""

    source = "plain"

    def reset(self):
        self.used = 0

    def peak_bytes(self):
        return self.used


class Keeping(Plain):
    def kept_bytes(self):
        return self.used


def test_a_counter_tells_what_is_kept_if_it_can():
    plain, keeping = Plain(), Keeping()

    def forward():
        keeping.used = 4096

    assert kept_memory(forward, lambda native: None, keeping) == 4096
    assert kept_memory(forward, lambda native: None, plain) is None


class _Pass:
    """A pass of which `alive` results are held at most, each taking `call_s` of a clock that nobody waits for."""

    def __init__(self, monkeypatch, call_s=0.001):
        self.clock_ns, self.call_ns, self.results = 0, int(call_s * 1e9), weakref.WeakSet()
        self.alive = self.calls = self.readings = 0
        monkeypatch.setattr("convbench.measure.timing.now_ns", lambda: self.clock_ns)
        monkeypatch.setattr("convbench.measure.timing.seconds_since", lambda begin: (self.clock_ns - begin) * 1e-9)

    def __call__(self):
        class Result: ...

        result = Result()
        self.results.add(result)
        self.clock_ns += self.call_ns
        self.calls += 1
        return result

    def measure(self, call, wait, counter):
        self.alive = max(self.alive, len(self.results))
        self.readings += 1
        return PeakMemory(self.readings * FLOOR_BYTES, "test")


class TestReadings:
    def test_two_results_are_held_meanwhile_whatever_a_call_takes_and_whoever_counts(self, monkeypatch):
        """With one less, the arrays that numba-cpu hands out again made its slow passes seem to need none."""
        for call_s, counter in ((0.001, None), (0.2, None), (0.001, Plain())):
            call = _Pass(monkeypatch, call_s)
            readings(call.measure, call, lambda native: None, counter, 3)
            assert call.alive == call.calls == 2

    def test_a_slow_pass_is_read_once_and_another_as_often_as_asked(self, monkeypatch):
        slow = _Pass(monkeypatch, 0.2)
        assert len(readings(slow.measure, slow, lambda native: None, None, 3)) == 1
        quick = _Pass(monkeypatch, 0.001)
        assert len(readings(quick.measure, quick, lambda native: None, None, 3)) == 3

    def test_below_the_floor_once_is_enough(self):
        assert readings(lambda *_: FLOOR_BYTES - 1, list, lambda native: None, None, 3) == [FLOOR_BYTES - 1]

    def test_two_that_are_the_same_are_enough_as_the_median_of_three_lies_between_any_two(self):
        def read(*sizes):
            left = iter(sizes)
            return readings(lambda *_: next(left), list, lambda native: None, None, 3)

        assert read(100_000_000, 100_900_000, 1) == [100_000_000, 100_900_000]
        assert read(100_000_000, 102_000_000, 101_000_000) == [100_000_000, 102_000_000, 101_000_000]

    def test_where_nothing_can_tell_there_is_nothing(self):
        assert readings(lambda *_: None, list, lambda native: None, None, 3) == []


class TestWhereAPeakCannotBeReset:
    """No numbers, and never in silence."""

    @pytest.fixture(autouse=True)
    def _no_reset(self, monkeypatch, tmp_path):
        monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "no" / "clear_refs")
        memory.can_reset_peak.cache_clear()
        yield
        memory.can_reset_peak.cache_clear()

    def test_the_run_is_warned(self):
        assert "/proc/self/clear_refs cannot be written here" in warning("cpu")
        assert warning("cuda") is None  # device memory has counters of its own

    def test_there_is_no_peak(self):
        assert peak_memory(list, lambda native: None, None) is None
        assert kept_memory(list, lambda native: None, None) is None

    def test_a_worker_says_why(self, monkeypatch):
        from types import SimpleNamespace

        worker = Worker()
        prepared = SimpleNamespace(call_of=lambda name: list, wait=lambda native: None)
        monkeypatch.setattr(worker, "_resident", SimpleNamespace(prepared=prepared))
        monkeypatch.setattr(worker, "_backend", SimpleNamespace(memory_counter=lambda: None))
        reply = worker.read_peaks(protocol.ReadPeaks(pass_name="forward", repeats=1))
        assert reply.peaks == []
        assert "clear_refs" in reply.why_not


def test_what_the_first_case_had_loaded_is_frozen_once_and_the_case_itself_is_not():
    class Case:
        """Part of a circle, as compiled functions often are."""

        def __init__(self):
            self.itself = self

    worker, gone = Worker(), []
    try:
        gc.unfreeze()
        for _ in range(2):
            case = Case()
            gone.append(weakref.ref(case))
            worker._resident = case
            del case
            worker.release()
            frozen = gc.get_freeze_count()
            assert frozen > 0
            assert gone[0]() is None
        gc.collect()
        assert gone[1]() is None
        assert gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()


def test_where_a_peak_can_be_reset_nobody_is_warned():
    assert warning("cpu") is None
