"""Settings that cannot be are refused in one line; the others are brought to one form."""

from __future__ import annotations

import os

import pytest

from convbench.errors import UsageError
from convbench.plan.settings import EFFORTS, RunSettings
from convbench_specs import PASSES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"passes": ("forwards",)}, "unknown pass 'forwards'; did you mean forward"),
        ({"device": "gpu"}, "unknown device 'gpu'; did you mean cpu? (there are: cpu, cuda)"),
        ({"dtypes": ("float31",)}, "did you mean float32"),
        ({"batch_sizes": (0,)}, "batch sizes must be at least 1, not 0"),
        ({"batch_sizes": (4, -1)}, "batch sizes must be at least 1"),
        ({"batch_sizes": ()}, "batch sizes must be at least 1, not none"),
        ({"rounds": 0}, "rounds must be more than 0"),
        ({"within_s": 0.0}, "within must be more than 0"),
        ({"budget_s": -1.0}, "budget must be more than 0"),
        ({"timeout_s": 0.0}, "timeout must be more than 0"),
        ({"threads": -2}, "threads must be at least 1"),
    ],
)
def test_a_value_that_cannot_be_is_named(settings, message):
    with pytest.raises(UsageError) as caught:
        RunSettings(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_batch_sizes_and_passes_have_one_order_and_no_repeats():
    settings = RunSettings(batch_sizes=(8, 1, 8), passes=("both", "forward"))
    assert settings.batch_sizes == (1, 8)
    assert settings.passes == ("forward", "both")


def test_no_thread_count_means_all_cores_that_may_be_used():
    assert RunSettings().threads == len(os.sched_getaffinity(0))


def test_blocks_that_are_asked_for_are_all():
    assert RunSettings(blocks=2).most_blocks == 2
    assert RunSettings.of_effort(blocks=2).most_blocks == 2
    assert RunSettings.of_effort("thorough", blocks=40).most_blocks == 40


def test_the_default_effort_may_add_blocks():
    settings = RunSettings.of_effort()
    assert settings.most_blocks > settings.blocks == EFFORTS["quick"].blocks


def test_a_quick_run_takes_four_batch_sizes_and_two_passes_and_a_check_all_passes():
    quick, thorough, check = (
        RunSettings.of_effort(),
        RunSettings.of_effort("thorough"),
        RunSettings.of_effort(timing=False),
    )
    assert len(quick.batch_sizes) >= 4
    assert quick.passes == ("forward", "backward")
    assert thorough.passes == check.passes == PASSES
    assert thorough.batch_sizes == quick.batch_sizes
    assert len(check.batch_sizes) == 2, "more would tell the same"
    assert RunSettings.of_effort(passes=PASSES).passes == PASSES
    assert RunSettings.of_effort(timing=False, batch_sizes=(3,)).batch_sizes == (3,)
