"""What a cell may cost is bounded by its budget, whatever a call takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convbench.plan.items import CellKey
from convbench.plan.settings import RunSettings
from convbench.run.timing.budget import FILTER_BYTES_PER_S, MIN_CALLS, MIN_SAMPLES, Budget, OverBudget, extrapolated_s
from convbench_specs import Case, Conv, cost

# the layer of ResNet-50 with the most filters for its places: 8 MB of them, and an image is 0.4 MB
FEW_PLACES = Case(
    name="conv5_project",
    operation=Conv(in_channels=1024, out_channels=2048, kernel_size=(1, 1), stride=(2, 2), bias=False),
    input_shape=(1024, 14, 14),
)
FILTERS_S = cost(FEW_PLACES, 0, "backward").bytes / FILTER_BYTES_PER_S
SETTINGS = RunSettings(blocks=4, rounds=3, most_blocks=12, sample_s=0.002, budget_s=0.3)


@given(st.floats(1e-7, 0.1))
def test_the_blocks_that_were_asked_for_stay_within_the_budget(call_s):
    pace = Budget(SETTINGS, {})
    samples = min(SETTINGS.blocks, pace.blocks(call_s)) * pace.rounds(call_s)
    assert samples >= MIN_SAMPLES
    assert samples * max(call_s, SETTINGS.sample_s) <= SETTINGS.budget_s * (1 + 1e-9)


@pytest.mark.parametrize(("call_s", "samples"), [(0.1, 3), (0.29, 3), (0.31, 0), (4, 0)])
def test_what_was_checked_is_timed_unless_one_call_is_over_the_budget(call_s, samples):
    pace = Budget(SETTINGS, {})
    found = 0 if pace.too_slow(call_s) else min(SETTINGS.blocks, pace.blocks(call_s)) * pace.rounds(call_s)
    assert found == samples


@pytest.mark.parametrize(("call_s", "blocks"), [(1e-6, 12), (0.075, 12), (0.08, 3), (0.2, 3)])
def test_only_cells_that_get_all_blocks_take_part_in_further_ones(call_s, blocks):
    assert Budget(SETTINGS, {}).blocks(call_s) == blocks


def key(batch_size):
    return CellKey("resnet50", FEW_PLACES.name, "float32", batch_size, "mine", "backward")


def pace_that_saw(call_s, *batch_sizes):
    settings = replace(SETTINGS, batch_sizes=tuple(range(1, 129)))
    return Budget(settings, {key(size): call_s(size) for size in batch_sizes})


def guess(call_s, *batch_sizes, at):
    return extrapolated_s({size: call_s(size) for size in batch_sizes}, key(at), FEW_PLACES)


@given(on_filters=st.floats(0, FILTERS_S), an_image=st.floats(1e-6, 1), at=st.integers(9, 256))
def test_two_smaller_batch_sizes_tell_the_work_on_filters_from_that_on_images(on_filters, an_image, at):
    def call_s(size):
        return on_filters + an_image * size

    assert guess(call_s, 1, 8, at=at) == pytest.approx(call_s(at))


@given(share=st.floats(0, 1), call_s=st.floats(FILTERS_S * 4 / 3, 10), at=st.sampled_from([8, 32, 128]))
@example(share=1, call_s=0.1, at=8)
@example(share=0, call_s=0.1, at=8)
def test_a_call_longer_than_work_on_filters_is_predicted_within_a_factor_of_two_from_one_batch_size(share, call_s, at):
    on_filters = min(share * FILTERS_S, call_s)
    truth = on_filters + (call_s - on_filters) * at
    assert 1 / 2 <= guess(lambda _: call_s, 1, at=at) / truth <= 2


@given(st.floats(1e-5, 10), st.floats(1e-5, 10), st.integers(9, 256))
def test_a_noisy_pair_of_times_is_no_reason_to_predict_less_than_images_cost_or_more_than_they_can(first, second, at):
    guess = extrapolated_s({1: first, 8: second}, key(at), FEW_PLACES)
    on_filters = min(second, FILTERS_S)
    assert on_filters + (second - on_filters) * at / 8 <= guess * (1 + 1e-9)
    assert guess <= second * at / 8 * (1 + 1e-9)


def test_work_on_filters_alone_is_no_reason_to_skip_a_larger_batch():
    assert not pace_that_saw(lambda _: 0.0386, 1).over_budget(key(8), FEW_PLACES, None)


def test_a_skipped_cell_says_what_the_prediction_is_from():
    pace = pace_that_saw(lambda size: 0.05 * size, 1, 2)
    found = pace.over_budget(key(32), FEW_PLACES, None)
    assert found == OverBudget(
        "predicted 1.60 s per call, from 50.0 ms at batch size 1 and 100 ms at batch size 2; "
        "the budget is 0.3 s (--budget)",
        needed_s=pytest.approx(1.6),
    )
    assert not pace.over_budget(key(4), FEW_PLACES, None)


def test_what_is_known_of_a_batch_size_does_not_depend_on_the_others_that_came_since():
    pace = pace_that_saw(lambda size: 0.001 * size, 1, 32)
    assert pace.seconds(key(1)) == 0.001
    assert pace.seconds(key(8)) == 0


@given(predicted_s=st.floats(1e-3, 100), call_s=st.floats(1e-3, 100))
def test_with_the_budget_that_a_skipped_cell_needs_it_is_measured(predicted_s, call_s):
    pace, at = pace_that_saw(lambda _: call_s, 1), key(8)
    for predicted in (predicted_s, None):
        over = pace.over_budget(at, FEW_PLACES, predicted)
        if over is not None:
            enough = replace(pace.settings, budget_s=1.001 * over.needed_s)
            assert over.needed_s > pace.settings.budget_s
            assert Budget(enough, pace.fastest_s).over_budget(at, FEW_PLACES, predicted) is None
    assert pace.over_budget(at, FEW_PLACES, 0.3 / MIN_CALLS) is None
