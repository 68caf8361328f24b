"""A run adds blocks while they fit into its time; what was asked for is done in any case."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paths import PLUGINS

import convbench
from convbench.plan.settings import RunSettings
from convbench.run.timing import schedule
from convbench.run.timing.schedule import (
    BlockCost,
    blocks_that_fit,
    rounds_in_any_case,
    rounds_of_block,
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
        ({"blocks": 2, "most_blocks": 4, "within_s": 1e-3}, 2),  # no time at all
        ({"blocks": 2, "most_blocks": 4, "within_s": 600.0}, 4),
        ({"blocks": 2, "within_s": 600.0}, 2),
    ],
)
def test_blocks_are_added_as_far_as_time_and_settings_allow(tmp_path, settings, blocks):
    assert set(_run(tmp_path, rounds=1, **settings).measurements["blocks"]) == {blocks}


def test_the_last_block_has_the_rounds_that_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "rounds_that_fit", lambda left_s, cost, rounds: 3)
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


@given(left=TIMES, fixed=TIMES, round_s=TIMES, rounds=st.integers(1, 30), to_come=st.integers(1, 5))
def test_what_comes_in_any_case_is_hurried_only_where_the_run_then_ends_about_in_time(
    left, fixed, round_s, rounds, to_come
):
    cost = BlockCost(fixed + rounds * round_s, round_s)
    taken = rounds_in_any_case(left, cost, rounds, to_come)
    assert rounds / 2 <= taken <= rounds
    late_s = to_come * cost.of(taken, rounds) - left
    if taken < rounds:
        assert late_s < cost.seconds * (1 + 1e-9) + 1e-9
        assert to_come * cost.seconds > left
    elif rounds > 1 and late_s > 1e-9 * left:
        assert to_come * cost.of((rounds + 1) // 2, rounds) - left >= cost.seconds * (1 - 1e-9)


def test_a_given_number_of_blocks_is_not_hurried():
    cost = BlockCost(seconds=16.0, round_s=1.5)
    assert rounds_of_block(2, 8.0, cost, RunSettings(rounds=6, blocks=3, most_blocks=24)) == 3
    assert rounds_of_block(2, 8.0, cost, RunSettings(rounds=6, blocks=3)) == 6
    assert rounds_of_block(3, 8.0, cost, RunSettings(rounds=6, blocks=3, most_blocks=24)) == 0
