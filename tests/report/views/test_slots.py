"""A backend has the colour and marker that it declares, in whatever company."""

from __future__ import annotations

import pytest
from fake_run import report_input

from convbench.report.html import render_report
from convbench.report.tables import LONGEST_HEAD, short_heads
from convbench.report.views.slots import LAST_BUNDLED, SLOTS, placed_as_listed, slots
from convbench.results.events.state import BackendRecord


def _records(**orders):
    return [BackendRecord(name=name, display_order=order) for name, order in orders.items()]


def test_a_backend_keeps_its_slot_in_any_company():
    alone = slots(_records(last=LAST_BUNDLED))
    among = slots(_records(first=0, mine=None, last=LAST_BUNDLED, another=None))
    assert alone == {"last": LAST_BUNDLED}
    assert among == {"first": 0, "last": LAST_BUNDLED, "another": LAST_BUNDLED + 1, "mine": LAST_BUNDLED + 2}


@pytest.mark.parametrize(("declared", "behind"), [(2, LAST_BUNDLED + 1), (LAST_BUNDLED + 1, LAST_BUNDLED + 2)])
def test_those_without_a_place_never_take_one_of_a_bundled_backend(declared, behind):
    assert slots(_records(a=None, b=declared))["a"] == behind


def test_more_backends_than_slots_share_them():
    found = slots(_records(**{f"backend{number:02}": None for number in range(2 * SLOTS)}))
    assert set(found.values()) == set(range(SLOTS))


def test_a_stored_run_that_does_not_tell_has_the_order_of_its_list():
    assert slots(placed_as_listed(_records(zebra=None, ant=None))) == {"zebra": 0, "ant": 1}


def test_a_backend_that_was_measured_but_not_recorded_has_a_slot():
    known = report_input().backends[1:]
    assert "fast" in render_report(report_input(backends=known))


def test_narrow_heads_are_what_the_backends_declare():
    declared = {"numba-cpu": "numba", "numba-cuda": "nbcuda", "mine": ""}
    short = short_heads(list(declared), declared, LONGEST_HEAD)
    assert short == {"numba-cpu": "numba", "numba-cuda": "nbcuda", "mine": "mine"}
    assert short_heads(["numba-cpu"], {}, LONGEST_HEAD) == {"numba-cpu": "numba"}
