"""With cold caches the copies of a case take turns, and no call finds its inputs where it left them a moment ago."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.measure.cold_caches import FACTOR, HELD_FACTOR, MOST_COPIES, Rotation, copies_for, copy_of, input_bytes
from convbench_specs import Prepared, Tensors, Unsupported

MIB = 2**20


def _tensors(size):
    x = np.arange(size, dtype=np.float32)
    return Tensors(x=x, dy=x + 1)


class Backend:
    """Remembers on which tensors it prepared, and which copy was called in which order."""

    def __init__(self):
        self.seen, self.called = [], []

    def prepare(self, tensors):
        number = len(self.seen)
        self.seen.append(tensors)
        return Prepared(
            forward=lambda: self.called.append(number), backward=Unsupported("no gradients"), wait=lambda native: None
        )


def _rotation(backend, size, cache_bytes):
    return Rotation(backend.prepare, _tensors(size), cache_bytes=cache_bytes, free_bytes=2**30, threads=2)


def test_turns_go_on_from_one_sample_to_the_next():
    backend = Backend()
    rotation = _rotation(backend, size=1000, cache_bytes=3000)
    assert (rotation.copies, rotation.walks) == (3, False)
    rotation.sample("forward", 1)
    backend.called.clear()
    found, _ = rotation.sample("forward", 4)
    rotation.sample("forward", 2)
    assert found.loops == 4
    assert backend.called == [1, 2, 0, 1, 2, 0]


def test_every_copy_was_called_before_it_is_timed():
    backend = Backend()
    rotation = _rotation(backend, size=1000, cache_bytes=3000)
    rotation.sample("forward", 1)
    assert backend.called == [0, 1, 2, 0]


def test_small_inputs_get_few_copies_and_no_copy_twice_in_a_sample():
    backend = Backend()
    rotation = _rotation(backend, size=10, cache_bytes=MIB)
    assert (rotation.copies, rotation.walks) == (MOST_COPIES, True)
    assert rotation.sample("forward", 1000)[0].loops == MOST_COPIES
    assert rotation.warm_up("forward", sample_s=1.0, limit_s=0.01).loops == MOST_COPIES


def test_copies_have_the_numbers_of_the_tensors_in_memory_of_their_own():
    backend = Backend()
    _rotation(backend, size=1000, cache_bytes=3000).sample("forward", 1)
    original = _tensors(1000)
    for first, second in zip(backend.seen, [*backend.seen[1:], original], strict=True):
        np.testing.assert_array_equal(first.x, original.x)
        assert not np.shares_memory(first.x, second.x)
        assert not first.x.flags.writeable


def test_a_pass_that_the_backend_lacks_is_an_error_with_its_reason():
    with pytest.raises(TypeError, match="no gradients"):
        _rotation(Backend(), size=1000, cache_bytes=3000).sample("backward", 1)


def test_the_pass_with_the_smallest_inputs_decides():
    x, w, b = np.zeros(100, np.float32), np.zeros(10, np.float32), np.zeros(1, np.float32)
    assert input_bytes(Tensors(x=x, dy=x[:50], w=w, b=b)) == 4 * (50 + 10)
    assert input_bytes(Tensors(x=x, dy=np.zeros(200, np.float32), w=w, b=b)) == 4 * (100 + 10 + 1)
    assert copy_of(Tensors(x=x, dy=x)).w is None


@given(read=st.integers(1, 2**34), cache=st.integers(1, 2**30), free=st.integers(0, 2**40))
def test_copies_are_enough_for_the_cache_or_at_a_bound(read, cache, free):
    copies = copies_for(read, cache, free)
    assert 1 <= copies <= MOST_COPIES
    assert copies == 1 or copies * read * HELD_FACTOR <= free
    enough = copies * read >= FACTOR * cache
    assert enough or copies == MOST_COPIES or (copies + 1) * read * HELD_FACTOR > free / 2
    assert copies == 1 or (copies - 1) * read < FACTOR * cache
