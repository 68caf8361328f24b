"""What is concluded of an entrant from its steps: who agrees, up to which step, and whether its times tell anything."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from paths import ROOT

from convbench.plan.status import Status
from convbench.results.training import TrainingEntrant, bound_of
from convbench.results.training.agreement import Bound
from convbench.results.training.events import DeviationFound, EntrantFound, Resumed, StepsTaken, WeightsCompared
from convbench.results.training.loading import EntrantState, TrainingState, judged
from convbench.results.training.table import TRAINING
from convbench.results.training.training import Epoch

BOUND = Bound(100, 1e-9)


def state_of(distances=(), watched=(), deviation=None):
    state = EntrantState(EntrantFound(entrant="one", status=Status.OK))
    for step, distance in distances:
        state.apply(WeightsCompared(entrant="one", step=step, distance=distance))
    state.watched = list(watched)
    if deviation is not None:
        state.apply(DeviationFound(entrant="one", step=deviation, layer="conv1", tensor="dw", sentence="off"))
    return state


@pytest.mark.parametrize(
    ("state", "bound", "expected"),
    [
        (state_of([(1, 1e-16), (100, 9e-10)]), BOUND, ("agrees", 100)),
        (state_of([(1, 1e-16), (10, 1e-9)]), BOUND, ("disagrees", 1)),
        (state_of([(1, 1e-16), (10, nan)]), BOUND, ("disagrees", 1)),
        (state_of([(1, 1e-16), (10, inf)]), BOUND, ("disagrees", 1)),
        (state_of([(10, 1e-16), (200, 1.0)]), BOUND, ("agrees", 10)),
        (state_of([(2, 1e-16), (4, 1e-6)], watched=[1, 2, 3, 4]), BOUND, ("agrees", 4)),  # rounding that has grown
        (state_of([(2, 1e-16), (4, 1e-6)], watched=[1, 2, 4]), BOUND, ("disagrees", 2)),
        (state_of([(4, nan)], watched=[1, 2, 3, 4]), BOUND, ("disagrees", 3)),
        (state_of([(10, 1.0)]), None, ("not judged", 0)),
        (state_of([(10, 1.0)], watched=[1, 2, 3]), None, ("agrees", 3)),
        (state_of([(10, 1e-16)], watched=[1, 200], deviation=200), BOUND, ("disagrees", 10)),
        (state_of(), BOUND, ("not judged", 0)),
    ],
)
def test_agreement_is_judged_up_to_the_step_of_the_bound_and_at_watched_steps(state, bound, expected):
    assert judged(state, bound, is_reference=False) == expected


def test_weights_are_judged_under_plain_gradient_descent_only():
    assert bound_of("float64", "sgd") == BOUND
    assert bound_of("float32", "sgd").step == 10
    assert bound_of("float64", "rmsprop") is None


def entrant(own_s, compute_s, **fields):
    zeros = np.zeros(len(own_s))
    return TrainingEntrant(
        name="one", losses=zeros, compute_s=np.array(compute_s), renew_s=zeros, own_s=np.array(own_s), **fields
    )


def test_a_disturbed_entrant_has_no_time_unless_its_own_part_is_small():
    assert not entrant([1.0] * 8, [1.0] * 8, own_ratio=1.5).is_disturbed
    assert entrant([1.0] * 8, [1.0] * 8, own_ratio=1.6).is_disturbed
    assert not entrant([1.0] * 8, [100.0] * 8, own_ratio=5.0).is_disturbed


def test_seconds_an_epoch_leave_out_the_first_step():
    parts = entrant([0.0] * 7, [100.0, 2, 2, 2, 2, 2, 2], steps_per_epoch=10)
    assert parts.epoch_s.median == 20
    assert parts.is_extrapolated
    assert entrant([0.0] * 3, [1.0] * 3).epoch_s is None

    def epoch(number, steps_done):
        return Epoch(
            number=number, steps_done=steps_done, loss=0, accuracy=0, test_loss=0, compute_s=0, renew_s=0, own_s=0
        )

    whole = entrant([0.0] * 4, [100.0, 2, 4, 4], steps_per_epoch=2, epochs=(epoch(1, 2), epoch(2, 4)))
    assert (whole.epoch_s.ci_low, whole.epoch_s.ci_high) == (4, 8)
    assert not whole.is_extrapolated


def test_shares_add_up_to_the_whole():
    assert sum(entrant([1.0] * 8, [3.0] * 8).shares) == pytest.approx(1)
    assert entrant([1.0] * 8, [3.0] * 8).shares[0] == 0.75


def test_what_came_after_the_step_from_which_a_training_goes_on_does_not_count():
    state = TrainingState()
    numbers = [0.1] * 6
    for event in (
        EntrantFound(entrant="one", status=Status.OK),
        StepsTaken(entrant="one", first=1, losses=numbers, compute_s=numbers, renew_s=numbers, own_s=numbers),
        WeightsCompared(entrant="one", step=5, distance=1.0),
        DeviationFound(entrant="one", step=5, layer="conv1", tensor="y", sentence="off"),
        Resumed(entrant="one", steps_done=4),
    ):
        state.apply(event)
    one = state.entrants["one"]
    assert len(one.losses) == len(one.own_s) == 4
    assert (one.distances, one.deviation) == ([], None)


def test_the_documentation_has_every_column_of_the_table():
    text = (ROOT / "docs" / "train.md").read_text(encoding="utf-8")
    rows = [f"| {column.name} | {column.unit} | {column.meaning} |" for column in TRAINING]
    assert "\n".join(rows) in text
