"""Data change, and results are looked at, in every block, and no more often than costs a tenth of the samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convbench.run.timing.data_changes import SHARE, DataChanges

COSTS = st.floats(0.0, 10.0)


def _rounds(changes, rounds, update_s, sample_s, digest_s):
    """The rounds with new data, and those that were looked at."""
    changed, looked_at = [], []
    for number in range(rounds):
        following = changes.next_number(number)
        if following is not None:
            changed.append(number)
            changes.changed(following, update_s)
        looked = changes.is_looked_at("forward", number, rounds, sample_s)
        looked_at += [number] * looked
        changes.sampled("forward", sample_s, digest_s if looked else None)
    return changed, looked_at


@given(st.integers(2, 12), COSTS, st.floats(0.001, 10.0), COSTS)
def test_every_block_has_a_change_and_a_look_at_its_last_result(rounds, update_s, sample_s, digest_s):
    changed, looked_at = _rounds(DataChanges(0, 2), rounds, update_s, sample_s, digest_s)
    assert 1 in changed
    assert looked_at[-1] == rounds - 1


@given(st.integers(2, 50), COSTS, st.floats(0.001, 10.0), COSTS)
def test_what_it_costs_beyond_that_is_a_small_share(rounds, update_s, sample_s, digest_s):
    changed, looked_at = _rounds(DataChanges(0, 2), rounds, update_s, sample_s, digest_s)
    assert (len(changed) - 1) * update_s <= SHARE * rounds * sample_s * 1.001
    assert (len(looked_at) - 2) * digest_s <= SHARE * rounds * sample_s * 1.001


def test_free_changes_come_in_every_round_and_alternate():
    changes = DataChanges(1, 2)
    numbers = []
    for number in range(5):
        following = changes.next_number(number)
        if following is not None:
            changes.changed(following, 0.0)
        numbers.append(changes.number)
    assert numbers == [1, 0, 1, 0, 1]


def test_a_backend_that_cannot_be_updated_keeps_its_data():
    assert [DataChanges(1, 1).next_number(number) for number in range(4)] == [None] * 4
