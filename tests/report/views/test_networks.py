"""The sections on networks and largest batches: whole without scripts, escaped, and absent where there is nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from fake_run import report_input
from network_rows import BOTH_RIGHT, NETWORK, frame, row

from convbench.report.html import render_report
from convbench.report.inputs import LARGEST_BATCH_COLUMNS
from convbench.report.views.largest_batch import largest_batch_view
from convbench.results.networks import fastest_layers, roll_up


def largest(**changes):
    found = {
        "workload": "tiny", "case": "conv<1>", "dtype": "float32", "backend": "fast", "pass": "both", "status": "ok",
        "reason": "it reached 2.01 GB", "largest_batch_size": 4096, "too_large": 4120, "peak_bytes": 1.99e9,
        "bytes_an_instance": 4.5e5, "limit_bytes": 2 * 10**9, "tries": 7,
    }  # fmt: skip
    return found | changes


def largest_frame(*rows):
    return pd.DataFrame(rows, columns=list(LARGEST_BATCH_COLUMNS))


def page(cells, **changes):
    networks, layers = roll_up(cells, [NETWORK]), fastest_layers(cells, [NETWORK])
    slots = frame(*(cell for cell in report_input().measurements.to_dict("records")))
    shown = pd.concat([slots, cells], ignore_index=True)
    return render_report(report_input(measurements=shown, networks=networks, network_layers=layers, **changes))


def test_totals_gains_memory_and_the_mix_need_no_script():
    html = page(BOTH_RIGHT)
    section = html[html.index('<section id="networks">') :]
    for text in ("Whole networks", "4.00 s", "3.25 s", "a 3, b 1", "1.23×", "70.0 MB", "40.0 MB kept"):
        assert text in section


def test_a_missing_layer_is_named_on_the_page():
    cells = frame(*BOTH_RIGHT.to_dict("records"), row("conv1", "c", 1.0), row("pool1", "c", 1.0, status="wrong"))
    assert "1 of 4 layers missing: pool1 (wrong)" in page(cells)


def test_an_upper_bound_is_called_so():
    cells = frame(row("conv1", "a", 1.0, memory_source="arena (an upper bound)"), row("pool1", "a", 1.0))
    assert "kept; upper bound" in page(cells)


def test_a_page_without_networks_has_no_such_section():
    html = render_report(report_input())
    assert 'id="networks"' not in html
    assert 'id="largest-batch"' not in html


def test_largest_batches_are_escaped_and_tell_their_peaks():
    rows = [largest(), largest(backend="slow", status="at least"), largest(backend="steady", status="out of memory")]
    html = page(BOTH_RIGHT, largest_batches=largest_frame(*rows))
    section = html[html.index('<section id="largest-batch">') :]
    assert "conv&lt;1&gt;" in section
    for text in ("2.00 GB", ">4,096<", ">≥ 4,096<", ">not even 1<", "450 kB an instance; 4,120 is too large"):
        assert text in section


def test_a_case_that_a_backend_was_not_searched_for_is_empty():
    rows = [largest(), largest(backend="slow", case="other", largest_batch_size=np.nan, status="error")]
    view = largest_batch_view(largest_frame(*rows))
    assert view.columns == ["fast", "slow"]
    assert [list(entry.cells) for entry in view.rows] == [["fast"], ["slow"]]
    assert view.rows[1].cells["slow"].text == "error"
