"""Where a training goes on."""

from __future__ import annotations

from convbench.plan.status import Status
from convbench.results.training.events import EntrantFound, EntrantStopped, EpochEnded, EpochPredicted
from convbench.results.training.loading import EntrantState
from convbench.training.resume import common_epoch


def entrant(epochs, *events):
    state = EntrantState(EntrantFound(entrant="one", status=Status.OK))
    for number in range(1, epochs + 1):
        state.apply(EpochEnded(entrant="one", epoch=number, steps_done=10 * number, accuracy=0.5, test_loss=1.0))
    for event in events:
        state.apply(event)
    return state


def test_a_training_goes_on_after_the_last_epoch_that_all_have_ended():
    assert common_epoch([entrant(3), entrant(2)]) == 2
    assert common_epoch([entrant(1), entrant(0)]) == 0
    assert common_epoch([]) == 0


def test_whoever_trains_a_part_or_has_stopped_holds_nobody_back():
    part = entrant(0, EpochPredicted(entrant="one", epoch_s=100.0, is_part=True))
    stopped = entrant(1, EntrantStopped(entrant="one", steps_done=12, reason="slow"))
    assert common_epoch([entrant(4), part, stopped]) == 4
