"""The best that was seen of each core is kept, and nothing that is not one is taken for it."""

from __future__ import annotations

import json

import pytest

from convbench.machine.core_speed import CoreTiming
from convbench.machine.core_speed_history import FILE, keep_bests, known_bests


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path))


def test_the_better_is_kept_of_each_core():
    assert known_bests() == {}
    keep_bests({0: CoreTiming(2.0, 1.0)})
    keep_bests({0: CoreTiming(1.0, 3.0), 1: CoreTiming(5.0, 5.0)})
    keep_bests({1: CoreTiming(6.0, 6.0)})
    assert known_bests() == {0: CoreTiming(1.0, 1.0), 1: CoreTiming(5.0, 5.0)}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"KEY": 3}', '{"KEY": {"0": {"loop_s": "a"}, "x": {}, "1": 4}}'])
def test_a_damaged_file_counts_as_none_and_is_replaced(tmp_path, text):
    keep_bests({0: CoreTiming(1.0, 1.0)})
    (key,) = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(text.replace("KEY", key))
    assert known_bests() == {}
    keep_bests({0: CoreTiming(2.0, 2.0)})
    assert known_bests() == {0: CoreTiming(2.0, 2.0)}


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path / "file" / "folder"))
    keep_bests({0: CoreTiming(1.0, 1.0)})
    assert known_bests() == {}
