"""Memory is measured of one backend at a time, and comes out by cell."""

from __future__ import annotations

import pytest

from convbench.plan.items import Item
from convbench.run.memory import measure_memory
from convbench.run.sessions import ItemEntrant
from convbench.workers import protocol
from convbench_specs import Case, Conv, Flatten

ITEM = Item("w", Case(name="c", operation=Flatten(), input_shape=(1, 2, 2)), 1)


class _Session:
    """Answers as a worker does, and notes in `heard` what it is asked."""

    def __init__(self, name, heard=None):
        self.name, self.heard, self.asked = name, [] if heard is None else heard, []

    def prepare(self, item, paths):
        self.heard.append((self.name, "prepare"))

    def ask(self, request):
        self.asked.append(request)
        if isinstance(request, protocol.ReadKept):
            return protocol.KeptRead(kept_bytes=[7, 9, 8])
        return protocol.PeaksRead(peaks=[protocol.Peak(size, self.name) for size in (3, 1, 2)])

    def release(self): ...

    def suspend(self):
        self.heard.append((self.name, "suspend"))


def _measured(sessions, passes=("forward",)):
    return [event for session in sessions for event in measure_memory(ITEM, ItemEntrant(session, passes))]


def test_peaks_are_told_by_median_and_range():
    (event,) = _measured([_Session("mine")])
    assert event.cell == ITEM.key("mine", "forward")
    assert event.peak_memory_bytes == 2
    assert (event.peak_memory_min_bytes, event.peak_memory_max_bytes) == (1, 3)
    assert event.memory_source == "mine"
    assert event.kept_memory_bytes is None


def test_what_is_kept_belongs_to_the_passes_that_train():
    events = _measured([_Session("mine")], ("forward", "backward", "both"))
    kept = {each.pass_name: each.kept_memory_bytes for each in events if each.kept_memory_bytes is not None}
    assert kept == {"backward": 8, "both": 8}


def test_no_other_worker_runs_beside_the_one_that_is_measured():
    heard = []
    events = _measured([_Session(name, heard) for name in "abc"])
    assert heard == [(name, "suspend") for name in "abc"]
    assert [event.backend for event in events] == list("abc")


def test_every_pass_is_read_three_times_and_what_is_kept_is_asked_once_a_case():
    session = _Session("mine")
    _measured([session], ("forward", "backward", "both"))
    assert session.asked == [
        *(protocol.ReadPeaks(pass_name=name, repeats=3) for name in ("forward", "backward", "both")),
        protocol.ReadKept(repeats=3),
    ]


CONV = Item(
    "w", Case(name="c", operation=Conv(in_channels=1, out_channels=4, kernel_size=(3, 3)), input_shape=(1, 66, 66)), 8
)
RESULTS_BYTES = 8 * 4 * 64 * 64 * 4
"""Of a forward of it."""


@pytest.mark.parametrize(
    ("source", "peaks", "is_measured"),
    [
        ("an allocator (chunks: an upper bound)", (0, 0, 0), False),
        ("an allocator (chunks: an upper bound)", (RESULTS_BYTES - 1,), False),
        ("an allocator (chunks: an upper bound)", (0, RESULTS_BYTES, RESULTS_BYTES), True),
        ("resident, below floor", (0,), True),
        ("resident", (RESULTS_BYTES - 100_000,), True),
    ],
)
def test_a_counter_that_shows_less_than_the_results_take_has_measured_nothing(source, peaks, is_measured):
    session = _Session("mine")
    session.ask = lambda request: protocol.PeaksRead(peaks=[protocol.Peak(size, source) for size in peaks])
    (event,) = measure_memory(CONV, ItemEntrant(session, ("forward",)))
    assert (event.peak_memory_bytes is not None) == is_measured
    assert event.memory_source.startswith("not measured: ") != is_measured
    if not is_measured:
        assert event.memory_source.endswith("less than the results (524 kB)")
