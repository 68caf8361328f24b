"""The self-test compares a backend with itself, and what it finds is the margin of later runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from convbench import api
from convbench.cli.doctor_text import floor_line, self_test_lines
from convbench.errors import UsageError
from convbench.machine.noise_floor import FILE, cached_floor, keep_floor, machine_key
from convbench.machine.user_cache import cache_folder
from convbench.plan.settings import RunSettings
from convbench.run.observer import Silent
from convbench.testing.aa_test import choose, judge, self_test, twins
from convbench.workers.plugins import find_backends


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and a machine whose bandwidth is not measured."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(folder))
    monkeypatch.setattr("convbench.run.limits.attainable.measure_bandwidth", lambda threads, left_s: None)
    return folder


def _compared(ratios, p_values, speeds):
    return pd.DataFrame({"ratio": ratios, "p_value": p_values, "speed": speeds})


def test_the_floor_is_what_95_percent_stay_below_in_either_direction():
    ratios = np.exp(np.concatenate([np.linspace(0, 0.1, 101), -np.linspace(0, 0.1, 101)]))
    found = judge(_compared(ratios, [0.5] * 202, ["equivalent"] * 202), backend="naive", threads=2)
    assert found.floor == pytest.approx(np.expm1(0.095), rel=1e-6)
    assert found.median == pytest.approx(np.expm1(0.05), rel=1e-6)
    assert found.is_fine


def test_calls_are_counted_alone_and_after_adjusting():
    speeds = ["slower", "inconclusive", "equivalent", "faster", "inconclusive"]
    found = judge(
        _compared([1.1, 1.0, 1.0, 0.9, 1.0], [0.001, 0.03, 0.4, 0.002, np.nan], speeds), backend="x", threads=1
    )
    assert (found.comparisons, found.called, found.called_alone) == (4, 2, 3)
    assert not found.is_fine
    assert any("before you trust" in line for line in self_test_lines(found))


def test_a_machine_too_busy_to_tell_has_no_floor():
    busy = judge(_compared([3.0, 0.2], [0.5, 0.5], ["inconclusive"] * 2), backend="x", threads=1)
    assert not busy.is_usable
    assert any("too busy" in line for line in self_test_lines(busy))


def test_nothing_compared_is_an_error_that_says_so():
    with pytest.raises(UsageError, match="no cell was timed in two blocks"):
        judge(_compared([1.0], [np.nan], ["inconclusive"]), backend="naive", threads=1)


def test_twins_are_one_backend_under_two_names():
    left, right = twins(find_backends().backends["naive"])
    assert (left.backend.name, right.backend.name) == ("naive-a", "naive-b")
    assert left.alias_of == right.alias_of == "naive"
    assert left.plugin == right.plugin


def test_the_first_available_that_is_quick_is_chosen():
    registry = find_backends()
    assert choose(registry, "naive").backend.name == "naive"
    del registry.backends["pytorch"]
    assert choose(registry, None).backend.name == "numpy-im2col"
    only_slow = replace(registry, backends={"naive": registry.backends["naive"]})
    assert choose(only_slow, None).backend.name == "naive"
    with pytest.raises(UsageError, match="unknown backend 'pytorch'"):
        choose(registry, "pytorch")


def test_the_self_test_runs_through_the_ordinary_runner(tmp_path):
    notes: list[str] = []
    observer = Silent()
    observer.note = notes.append
    found = self_test(
        find_backends(), "numpy-im2col", 1, output=tmp_path / "run", observer=observer, told=["load: too much"],
        cases=("small_pool", "flatten"), batch_sizes=(1,), passes=("forward",), blocks=2, rounds=2, sample_s=0.001,
    )  # fmt: skip
    assert (found.backend, found.comparisons, found.threads) == ("numpy-im2col", 2, 1)
    assert found.floor >= found.median >= 0
    run = api.load_run(tmp_path / "run")
    assert set(run.measurements["backend"]) == {"numpy-im2col-a", "numpy-im2col-b"}
    assert run.warnings[0] == "load: too much"  # kept, but not said again
    assert not [note for note in notes if note.startswith("warning: ")]


def test_a_floor_is_kept_by_threads_and_becomes_the_margin_of_a_run(tmp_path, cache):
    assert cached_floor(1) is None
    assert keep_floor(1, {"floor": 0.034}) == ""
    assert keep_floor(2, {"floor": 0.2}) == ""
    assert (cached_floor(1), cached_floor(2), cached_floor(3)) == (0.034, 0.2, None)
    settings = RunSettings(cases=("flatten",), batch_sizes=(1,), threads=1, blocks=1, memory=False)
    registry = find_backends()
    registry.backends = {"naive": registry.backends["naive"]}
    run = api.execute(settings, registry, output=tmp_path / "run", observer=Silent())
    assert run.margin == 0.034
    assert machine_key(1) != machine_key(2)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"other": 1}'])
def test_a_damaged_cache_counts_as_none_and_is_replaced(cache, text):
    cache.mkdir()
    (cache / FILE).write_text(text)
    assert cached_floor(2) is None
    assert keep_floor(2, {"floor": 0.02}) == ""
    assert cached_floor(2) == 0.02


def test_a_cache_that_cannot_be_written_is_told_and_no_failure(cache):
    cache.write_text("a file where the folder should be")
    assert "cannot be written" in keep_floor(2, {"floor": 0.02})
    assert cached_floor(2) is None


def test_the_cache_is_where_the_environment_says():
    assert str(cache_folder({"CONVBENCH_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"})) == "/a"
    assert str(cache_folder({"XDG_CACHE_HOME": "/b"})) == "/b/convbench"
    assert cache_folder({}).name == "convbench"


def test_the_floor_is_said_for_people():
    assert "is not known" in floor_line(None, 2)
    assert "3.4 %" in floor_line(0.034, 2)
