"""Two runs in a row do not warn of each other, and others are warned of all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.machine import last_run
from convbench.machine.last_run import keep_last_run, left_after, load_of_last_run


@pytest.fixture
def clock(monkeypatch, tmp_path):
    now = [1000.0]
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(last_run.time, "time", lambda: now[0])
    return now


def test_a_long_run_leaves_its_cores_in_the_load_and_they_fade(clock):
    assert load_of_last_run() == 0.0
    keep_last_run(2, 600.0)
    assert load_of_last_run() == pytest.approx(2.0, rel=1e-3)
    clock[0] += 60
    assert load_of_last_run() == pytest.approx(2 / 2.718281828, rel=1e-3)
    clock[0] += 600
    assert load_of_last_run() < 0.001


def test_a_short_run_leaves_little(clock):
    keep_last_run(4, 3.0)
    assert 0.1 < load_of_last_run() < 0.2


def test_it_is_the_load_average_of_the_kernel():
    """Each 5 s the kernel makes it load * e + active * (1 - e), with e = exp(-5 / 60)."""
    load, decay = 0.0, 2.718281828459045 ** (-5 / 60)
    for active in [3] * 24 + [0] * 7:
        load = load * decay + active * (1 - decay)
    whole = 3 * (1 - 2.718281828459045 ** (-120 / 60))
    assert left_after(whole, 35.0) == pytest.approx(load, rel=1e-9)


@given(st.floats(0, 64), st.floats(-1e6, 1e6))
def test_what_is_left_is_never_more_than_there_was(load, seconds):
    assert 0 <= left_after(load, seconds) <= load


@pytest.mark.parametrize("text", ["", "[]", '{"ended": "now", "load": 2.0}', '{"load": 2.0}'])
def test_a_damaged_file_counts_as_no_run(clock, tmp_path, text):
    (tmp_path / last_run.FILE).write_text(text)
    assert load_of_last_run() == 0.0
