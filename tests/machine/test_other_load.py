"""A sample is disturbed where others used the processor and a task waited, not where a backend waits for itself."""

from __future__ import annotations

import pytest

from convbench.machine import other_load
from convbench.machine.other_load import CpuTimes, OtherLoad


def _other_load(monkeypatch, second):
    """After a first look at zero, a window later, the look `second`."""
    clock = [0.0]
    monkeypatch.setattr(other_load.time, "monotonic", lambda: clock[0])
    looks = iter([CpuTimes(0.0, 0.0, 0.0, 0.0), second])
    found = OtherLoad(lambda: 0.0, lambda own: next(looks))
    clock[0] = second.at_s
    return found


@pytest.mark.parametrize(
    ("second", "waited_s", "disturbed"),
    [
        (CpuTimes(1.0, 1.5, 1.5, 0.0), 0.5, False),  # it waits for itself: all that was busy was its own
        (CpuTimes(1.0, 2.0, 1.0, 0.0), 0.5, True),
        (CpuTimes(1.0, 2.0, 1.0, 0.0), 0.0, False),  # others were busy on another core
        (CpuTimes(1.0, 2.0, 1.0, 0.0), None, False),  # nothing can be told
        (CpuTimes(1.0, 1.0, 1.0, 0.5), 0.0, True),  # the machine's host took half a core
        (CpuTimes(1.0, 2.0, -1.0, 0.0), 0.5, False),  # workers were replaced: nothing can be said
    ],
)
def test_others_must_have_used_the_processor(monkeypatch, second, waited_s, disturbed):
    assert _other_load(monkeypatch, second).disturb(waited_s, 1.0) is disturbed


def test_within_a_window_the_last_one_counts(monkeypatch):
    found = _other_load(monkeypatch, CpuTimes(1.0, 2.0, 1.0, 0.0))
    assert found.disturb(0.5, 1.0)
    assert found.disturb(0.5, 1.0)  # a third look would raise StopIteration


def test_the_kernels_counts_can_be_read():
    seen = other_load.read_cpu_times(own_s=1.5)
    assert seen.own_s == 1.5
    assert seen.busy_s > 0
