"""The processor time of threads is counted to the moment, whichever core they run on."""

from __future__ import annotations

import hashlib
import os
import threading
import time

import pytest

from convbench.machine import processor_time
from convbench.machine.processor_time import spent_s, thread_times


def test_what_another_thread_did_counts_at_once():
    go, done, leave = threading.Event(), threading.Event(), threading.Event()
    spent: list[float] = []

    def work() -> None:
        go.wait()
        begin = time.thread_time()
        hashlib.sha256(bytes(2**20))
        spent.append(time.thread_time() - begin)
        done.set()
        leave.wait()

    worker = threading.Thread(target=work)
    worker.start()
    before = thread_times()
    go.set()
    done.wait()
    after = thread_times()
    leave.set()
    worker.join()
    assert after[worker.native_id] - before[worker.native_id] >= spent[0] > 0
    assert spent_s(before, after) >= spent[0]


def test_a_thread_that_began_meanwhile_counts_whole_and_one_that_ended_not_at_all():
    assert spent_s({1: 5.0, 2: 3.0}, {1: 6.0, 7: 0.5}) == pytest.approx(1.5)


def test_where_threads_have_no_clocks_the_process_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(processor_time, "THREADS", tmp_path / "none")
    assert list(thread_times()) == [os.getpid()]
