"""Tensors reach a backend as the contract promises, whatever memory they came from."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.measure.cold_caches import copy_of
from convbench.testing.random_cases import cases
from convbench.verify import make_tensors
from convbench.workers.arrays import read_tensors, write_tensors, zero_tensors
from convbench_specs import ALIGNMENT_BYTES, DTYPES

FORMS = {
    "as it is": lambda array: array,
    "in Fortran's order": np.asfortranarray,
    "with gaps": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "backwards": lambda array: array[..., ::-1],
    "one element on": lambda array: np.append(array.ravel()[:1], array).astype(array.dtype)[1:].reshape(array.shape),
    "of the other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
}


def assert_promised(tensors, like):
    for name in ("x", "dy", "w", "b"):
        array, given = getattr(tensors, name), getattr(like, name)
        assert (array is None) == (given is None)
        if array is not None:
            assert array.flags.c_contiguous
            assert not array.flags.writeable
            assert array.dtype.byteorder in ("=", "<" if sys.byteorder == "little" else ">")
            assert array.size == 0 or array.ctypes.data % ALIGNMENT_BYTES == 0


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(case=cases(tuple(DTYPES)), batch_size=st.integers(0, 3), form=st.sampled_from(list(FORMS)))
def test_what_a_backend_is_given_is_contiguous_and_begins_at_a_cache_line(tmp_path_factory, case, batch_size, form):
    plain = make_tensors(case, batch_size, seed=0)
    change = FORMS[form]
    given_ones = replace(plain, x=change(plain.x), dy=change(plain.dy))
    read = read_tensors(write_tensors(tmp_path_factory.mktemp("arrays"), given_ones))
    for tensors in (read, copy_of(read), zero_tensors(case, batch_size)):
        assert_promised(tensors, plain)
    for name in ("x", "dy"):
        np.testing.assert_array_equal(getattr(read, name), getattr(given_ones, name))
        np.testing.assert_array_equal(getattr(copy_of(read), name), getattr(given_ones, name))


def test_zeros_take_no_memory_until_they_are_written():
    resource = pytest.importorskip("resource")
    from convbench.machine.aligned_memory import aligned_zeros

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    zeros = aligned_zeros((2**26,), np.dtype(np.float32))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1000
    assert not zeros[:: 2**20].any()
