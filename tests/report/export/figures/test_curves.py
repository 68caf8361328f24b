"""Nothing is left out of a figure in silence, and no interval makes all values look alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shown_run import write_run

from convbench.report.export.figures.chart import LONGEST_INTERVAL, Point, reach
from convbench.report.export.figures.curves import MEMORY, TIME, not_drawn


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", cases=["pool1"]).measurements


def where(cells, backend, batch_size=1):
    return (cells["backend"] == backend) & (cells["batch_size"] == batch_size)


def test_a_whole_figure_says_nothing(cells):
    assert not_drawn(cells, TIME) == []


def test_what_was_skipped_or_is_zero_is_told_with_its_batch_sizes(cells):
    skipped = cells["backend"].eq("flat") & cells["batch_size"].gt(1)
    changed = cells.assign(
        status=cells["status"].mask(skipped, "skipped"),
        median_s=cells["median_s"].mask(skipped),
        peak_memory_bytes=cells["peak_memory_bytes"].mask(where(cells, "steep"), 0).mask(skipped),
    )
    assert not_drawn(changed, TIME) == ["not drawn: flat (skipped) at 4, 16"]
    assert not_drawn(changed, MEMORY) == ["not drawn: steep (0 has no logarithm) at 1; flat (skipped) at 4, 16"]


def test_what_a_backend_does_not_offer_is_no_gap(cells):
    status = cells["status"].mask(cells["backend"].eq("flat"), "unsupported")
    assert not_drawn(cells.assign(status=status, median_s=cells["median_s"].mask(status.ne("ok"))), TIME) == []


def test_an_axis_follows_an_interval_only_so_far():
    point = Point("a", 1.0, 1e-3, 0.9e-3, 1.1e-3, proven=True)
    assert reach([point]) == [1e-3, 0.9e-3, 1.1e-3]
    wild = replace(point, low=1e-9, high=1e3)
    assert (min(reach([wild])), max(reach([wild]))) == (1e-3 / LONGEST_INTERVAL, 1e-3 * LONGEST_INTERVAL)
    assert reach([replace(point, low=float("nan"), high=float("nan"))]) == [1e-3]
