"""In the kernel of a notebook a run shows a bar by itself; elsewhere nothing is shown, and IPython is never needed."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from convbench.run import notebook
from convbench.run.notebook import NotebookBar, usual_observer
from convbench.run.observer import Silent


class Publisher:
    def __init__(self):
        self.messages = []

    def publish(self, data, *, transient, update):
        self.messages.append((data, transient["display_id"], update))

    @property
    def last(self):
        return self.messages[-1][0]


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def shell():
    return SimpleNamespace(display_pub=Publisher(), kernel=object())


def test_one_output_is_made_and_then_updated(clock, shell):
    bar = NotebookBar(shell)
    bar.note("4 things <on> this machine")
    bar.begin(10)
    for _ in range(3):
        clock[0] += 10
        bar.step("conv1, batch 1")
        bar.advance()
        clock[0] += 1
        bar.step("conv1, batch 8")
    bar.end()
    messages = shell.display_pub.messages
    assert [update for _, _, update in messages] == [False, *[True] * (len(messages) - 1)]
    assert len({identity for _, identity, _ in messages}) == 1
    assert "convbench: 29%, about 0:01:20 left: conv1, batch 8" in messages[-2][0]["text/plain"]
    assert "progressbar" in messages[-2][0]["text/html"]
    assert shell.display_pub.last["text/plain"] == "convbench: ended after 33 s\n4 things <on> this machine"
    assert "4 things &lt;on&gt; this machine" in shell.display_pub.last["text/html"]
    assert "progressbar" not in shell.display_pub.last["text/html"]


def test_it_is_not_redrawn_more_often_than_an_eye_can_follow(clock, shell):
    bar = NotebookBar(shell)
    bar.begin(1000)
    for _ in range(1000):
        clock[0] += 0.001
        bar.advance()
    assert len(shell.display_pub.messages) <= 3


@pytest.mark.parametrize(
    ("ipython", "kind"),
    [
        (None, Silent),
        (SimpleNamespace(get_ipython=lambda: None), Silent),
        (SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None)), Silent),
        (SimpleNamespace(get_ipython=SimpleNamespace), Silent),
        (SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1, display_pub=Publisher())), NotebookBar),
    ],
)
def test_the_observer_is_chosen_by_where_the_run_is(monkeypatch, ipython, kind):
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert type(usual_observer()) is kind


def test_the_host_imports_no_ipython():
    code = "import convbench.api, sys; print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
