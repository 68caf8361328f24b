"""What a cell may cost is bounded by its budget, whatever a call takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.pace import MIN_SAMPLES, Pace
from convbench.settings import RunSettings

SETTINGS = RunSettings(blocks=4, rounds=3, most_blocks=12, sample_s=0.002, budget_s=0.3)


@given(st.floats(1e-7, 0.1))
def test_the_blocks_that_were_asked_for_stay_within_the_budget(call_s):
    pace = Pace(SETTINGS)
    samples = min(SETTINGS.blocks, pace.blocks(call_s)) * pace.rounds(call_s)
    assert samples >= MIN_SAMPLES
    assert samples * max(call_s, SETTINGS.sample_s) <= SETTINGS.budget_s * (1 + 1e-9)


@pytest.mark.parametrize(("call_s", "blocks"), [(1e-6, 12), (0.075, 12), (0.08, 3), (0.2, 3)])
def test_only_cells_that_get_all_blocks_take_part_in_further_ones(call_s, blocks):
    assert Pace(SETTINGS).blocks(call_s) == blocks
