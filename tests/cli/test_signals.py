"""SIGTERM and SIGHUP are as Ctrl-C: what was begun is put away, what was measured stays, and it says how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from convbench.cli.exit_codes import EXIT_INTERRUPTED
from convbench.cli.signals import SIGNALS, ended_as_by_ctrl_c
from convbench.workers.arrays import SHARED_MEMORY


def _killed_within(number):
    with ended_as_by_ctrl_c():
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 1)  # the handler runs before this ends


@pytest.mark.parametrize("number", SIGNALS)
def test_they_interrupt_and_are_usual_again_afterwards(number):
    with pytest.raises(KeyboardInterrupt):
        _killed_within(number)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_as_by_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_is_ended_leaves_a_folder_nothing_in_shared_memory_and_the_way_to_go_on(tmp_path, plugins, number):
    import psutil

    process = subprocess.Popen(
        [sys.executable, "-m", "convbench", "compare", str(plugins / "faulty.toml"), "--plugin",
         str(plugins / "faulty.py"), "--backends", "honest,hangs", "--batch-sizes", "1", "--output", "run"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    journal = tmp_path / "run" / "journal.jsonl"
    while not (journal.exists() and '"case": "bad"' in journal.read_text()):
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"it ended early: {process.stderr.read()}")
    workers = psutil.Process(process.pid).children(recursive=True)
    scratch = f"convbench-{process.pid}-*"
    assert list(SHARED_MEMORY.glob(scratch)) or not SHARED_MEMORY.is_dir()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    assert "convbench compare --resume run" in errors
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert not list(SHARED_MEMORY.glob(scratch))
