"""A try of a whole network holds what its layers hold in inference and in training, and no more."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from convbench.measure import memory
from convbench.workers import protocol
from convbench.workers.attempts import peak_of
from convbench_specs import Case, Conv, Pool, Prepared, Unsupported, case_table

pytestmark = pytest.mark.skipif(not memory.can_reset_peak(), reason="this system does not show the peak of a process")

M_MMAP_THRESHOLD = -3
MEGABYTE = 1_000_000
BATCH_SIZE = 10
CONV = Case(
    name="conv",
    operation=Conv(in_channels=2, out_channels=4, kernel_size=(1, 1), bias=False),
    input_shape=(2, 500, 500),
)
POOL = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(4, 500, 500))
X, Y, POOLED = 20 * MEGABYTE, 40 * MEGABYTE, 10 * MEGABYTE
"""Bytes of the batch: what the network is given, what the convolution hands to the pool, and what the pool gives."""


def filled(shape):
    return np.ones(shape, np.float32)


class Copying:
    """Holds copies of x and dy, keeps y and as much again for the backward, and needs some scratch in it."""

    def __init__(self, *, scratch=0, copies=True, has_backward=True):
        self.scratch, self.copies, self.has_backward = scratch, copies, has_backward

    def memory_counter(self):
        return None

    def prepare(self, case, tensors):
        x, dy = (np.array(each) + 1 if self.copies else each for each in (tensors.x, tensors.dy))
        y = (len(x), *case.output_shape)

        def backward():
            scratch, dx = np.ones(self.scratch, np.uint8), filled(x.shape)
            return np.add(dx, np.float32(scratch.size), out=dx), None, None

        return Prepared(
            forward=lambda: filled(y),
            backward=backward if self.has_backward else Unsupported("no backward"),
            forward_for_training=lambda: (filled(y), filled(y)),
            update=lambda tensors: (x, dy),
        )


def peak(backend, *, training, layers=((CONV, 1), (POOL, 1))):
    """The peak above what is resident before, in MB."""
    before = memory.resident_bytes()
    found = peak_of(
        backend,
        protocol.AttemptNetwork(
            layers=[protocol.NetworkLayer(case=case_table(case), count=count) for case, count in layers],
            batch_size=BATCH_SIZE,
            training=training,
        ),
    )
    return found if isinstance(found, Unsupported) else (found - before) / MEGABYTE


def near(*sizes):
    return pytest.approx(sum(sizes) / MEGABYTE, abs=3)


@pytest.fixture(autouse=True, scope="module")
def pinned_allocator():
    """Large arrays go back to the system when they are freed, as in the workers that search."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**16)


def test_inference_holds_the_largest_layer_alone():
    own_dy = Y  # which a backend that copies it holds, too; there are too few weights to take it off
    assert peak(Copying(), training=False) == near(X, Y, own_dy)
    assert peak(Copying(copies=False), training=False) == near(X, Y)


def test_training_holds_what_every_layer_keeps():
    kept = 2 * Y
    # the pool's backward: its x is among what the convolution kept, and its dx is as large
    assert peak(Copying(), training=True) == near(X, kept, POOLED, Y)
    assert peak(Copying(copies=False), training=True) == near(X, kept, POOLED, Y)


def test_a_layer_that_occurs_often_is_kept_as_often():
    once = peak(Copying(), training=True, layers=((POOL, 1), (CONV, 1)))
    thrice = peak(Copying(), training=True, layers=((POOL, 3), (CONV, 1)))
    assert thrice - once == near(2 * 2 * POOLED)


def test_scratch_of_the_layer_at_work_comes_on_top():
    plain = peak(Copying(), training=True)
    assert peak(Copying(scratch=50 * MEGABYTE), training=True) - plain == near(50 * MEGABYTE)


def test_what_a_backend_does_not_do_is_said():
    found = peak(Copying(has_backward=False), training=True)
    assert isinstance(found, Unsupported)
    assert found.reason == "no backward"
