"""Progress is told in tenths where there is no progress, and drawn as a bar where there is one."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from convbench.cli import progress
from convbench.cli.progress import PlainLines, ProgressBar


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_each_tenth_is_a_line_with_the_time_left(capsys, clock):
    lines = PlainLines()
    lines.begin(10)
    for seconds in (10, *[10] * 9):
        clock[0] += seconds
        lines.advance()
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "convbench: 10 % after 10 s"
    assert said[1] == "convbench: 20 % after 20 s, about 80 s left"
    assert said[-1] == "convbench: 100 % after 100 s, about 0 s left"
    assert len(said) == 10


def test_a_run_that_gets_longer_does_not_tell_a_tenth_twice(capsys, clock):
    lines = PlainLines()
    lines.begin(10)
    for number in range(20):
        clock[0] += 1
        lines.advance()
        if number == 4:
            lines.expect(20)
    said = [line.split(" after ")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == [f"convbench: {percent} %" for percent in range(10, 110, 10)]


def test_the_bar_tells_what_runs_how_far_it_is_and_the_time_left(clock):
    out = io.StringIO()
    bar = ProgressBar(Console(file=out, force_terminal=True, width=100))
    bar.note("a warning before anything runs")
    bar.begin(10, 30, 120.0)
    bar.step("conv1, batch 1: starting")
    for _ in range(2):
        clock[0] += 10
        bar.advance()
    assert "a warning" in out.getvalue()
    assert "17 %" in out.getvalue(), "20 s of 120"
    assert "0:01:40 left" in out.getvalue()
    assert "conv1, batch 1: starting" in out.getvalue()
    bar.end()


class _Ticks:
    """An event that is waited for so many times before it is set."""

    def __init__(self, times, clock):
        self.times, self._clock = times, clock

    def wait(self, seconds):
        self._clock[0] += seconds
        self.times -= 1
        return self.times < 0


@pytest.mark.parametrize(("timed", "moves"), [(False, True), (True, False)])
def test_the_clock_goes_on_by_itself_unless_something_is_timed(clock, timed, moves):
    out = io.StringIO()
    bar = ProgressBar(Console(file=out, force_terminal=True, width=100))
    bar.begin(10)
    bar.set_aside(60.0)
    bar.step("largest batch of one: trying 512", timed=timed)
    bar._over.set()  # the thread of the bar itself ends
    bar._ticking.join()
    drawn = out.getvalue().count("trying 512")
    bar._over = _Ticks(5, clock)
    bar._tick()
    assert out.getvalue().count("trying 512") - drawn == (5 if moves else 0)
    bar._over = threading.Event()
    bar.end()


def test_a_note_is_not_broken_and_not_taken_for_markup(clock):
    out = io.StringIO()
    bar = ProgressBar(Console(file=out, force_terminal=True, width=40, color_system=None))
    text = "a warning with [brackets] and a command that is longer: convbench compare --resume results/run-1"
    bar.note(text)
    assert text in out.getvalue()
