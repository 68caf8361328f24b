"""Progress is told in tenths where there is no terminal, and follows a run that turns out longer."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from convbench.terminal import PlainLines, ProgressBar


def _told(capsys):
    return [line.split(" after ")[0] for line in capsys.readouterr().err.splitlines()]


def test_each_tenth_is_a_line(capsys):
    lines = PlainLines()
    lines.begin(20)
    for _ in range(20):
        lines.advance()
    assert _told(capsys) == [f"convbench: {10 * tenth} %" for tenth in range(1, 11)]


def test_a_run_that_gets_longer_does_not_tell_a_tenth_twice(capsys):
    lines = PlainLines()
    lines.begin(10)
    lines.advance(5)
    lines.expect(20)
    for _ in range(15):
        lines.advance()
    assert _told(capsys) == ["convbench: 50 %", *(f"convbench: {percent} %" for percent in (60, 70, 80, 90, 100))]


def test_the_time_left_goes_by_the_pace_since_the_first_tenth(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("convbench.terminal.time.monotonic", lambda: now[0])
    lines = PlainLines()
    lines.begin(10)
    for seconds in (30, 2, 2):  # the first takes long, as all workers start
        now[0] += seconds
        lines.advance()
    assert capsys.readouterr().err.splitlines() == [
        "convbench: 10 % after 30 s",
        "convbench: 20 % after 32 s, about 16 s left",
        "convbench: 30 % after 34 s, about 14 s left",
    ]


def test_the_bar_is_scaled_anew():
    bar = ProgressBar(Console(file=io.StringIO(), force_terminal=True, width=80))
    bar.begin(10)
    bar.advance(5)
    bar.expect(20)
    (task,) = bar._progress.tasks
    bar.end()
    assert task.percentage == pytest.approx(25)
