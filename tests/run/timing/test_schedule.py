"""A run adds blocks while they fit into its time; what was asked for is done in any case."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paths import PLUGINS

import convbench
from convbench.run import blocks
from convbench.run.timing.schedule import (
    BlockCost,
    blocks_that_fit,
    rounds_that_fit,
)

WORKLOAD = PLUGINS / "faulty.toml"


def _run(folder: Path, **settings: object) -> convbench.Run:
    return convbench.compare(
        str(WORKLOAD), backends=["naive"], cases=["good"], batch_sizes=[1], passes=["forward"],
        sample_s=1e-4, memory=False, output=folder / "run", **settings,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "blocks"),
    [
        ({"blocks": 2}, 2),  # so many were asked for, and no time was stated
        pytest.param({"blocks": 2, "most_blocks": 4, "within_s": 600.0}, 4, marks=pytest.mark.slow),
        pytest.param({"blocks": 2, "within_s": 600.0}, 2, marks=pytest.mark.slow),
    ],
)
def test_blocks_are_added_as_far_as_time_and_settings_allow(tmp_path, settings, blocks):
    assert set(_run(tmp_path, rounds=1, **settings).measurements["blocks"]) == {blocks}


def test_without_any_time_the_first_check_comes_and_what_is_left_out_is_said(tmp_path):
    run = convbench.compare(
        str(WORKLOAD),
        backends=["naive"],
        batch_sizes=[1, 2],
        passes=["forward"],
        within_s=1e-3,
        output=tmp_path / "run",
    )
    first, *others = run.measurements.itertuples()
    assert (first.status, first.verdict) == ("skipped", "agrees")
    assert (
        first.reason
        == "it was checked; its times were left out so that the run ends within 0.001 s, the slowest first (--within)"
    )
    assert {other.reason for other in others} == {
        "left out so that the run ends within 0.001 s, the slowest first (--within)"
    }
    assert any("only the start of the workers and the check of the first case" in text for text in run.warnings)
    assert any("these were left out: " in text for text in run.warnings)
    assert not run.interrupted


def test_the_last_block_has_the_rounds_that_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "rounds_that_fit", lambda left_s, cost, rounds: 3)
    samples = _run(tmp_path, rounds=5, blocks=2, most_blocks=3, within_s=600.0).samples
    assert samples.groupby("block")["round"].max().tolist() == [4, 4, 2]


TIMES = st.floats(0.0, 1e3)


@example(left=1.0, fixed=0.0, round_s=5e-324, rounds=1)
@example(left=0.0, fixed=1.0, round_s=5e-324, rounds=1)
@given(left=TIMES, fixed=TIMES, round_s=TIMES, rounds=st.integers(1, 30))
def test_what_is_begun_would_end_in_time_and_has_half_of_the_rounds(left, fixed, round_s, rounds):
    cost = BlockCost(fixed + rounds * round_s, round_s)
    fitting = rounds_that_fit(left, cost, rounds)
    if fitting:
        assert rounds / 2 <= fitting <= rounds
        assert cost.seconds - (rounds - fitting) * round_s <= left * (1 + 1e-9) + 1e-9
    elif cost.seconds > 0:
        assert cost.seconds > left
    blocks = blocks_that_fit(left, cost, rounds)
    assert bool(blocks) == (cost.seconds > 0 and fitting > 0)
    assert max(0, blocks - 1) * cost.seconds <= left * (1 + 1e-9)


def test_without_a_block_to_go_by_none_is_begun():
    assert (rounds_that_fit(600.0, None, 6), blocks_that_fit(600.0, None, 6)) == (0, 0)
