"""The results of the second data set follow from those of the first, bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_cases import cases

from convbench.verify import make_tensors, oracle
from convbench.verify.data_sets import DATA_SETS, result_of_set, tensors_of_set
from convbench_specs import Case, Conv

CASE = Case(name="c", operation=Conv(in_channels=2, out_channels=3, kernel_size=(3, 3)), input_shape=(2, 5, 5))


@settings(max_examples=30)
@given(cases(), st.integers(1, 3))
def test_right_values_of_doubled_inputs_are_those_that_are_told(case, batch_size):
    tensors = make_tensors(case, batch_size, seed=1)
    first, second = (oracle(case, tensors_of_set(tensors, number)) for number in DATA_SETS)
    for name in ("y", *case.gradient_names):
        told = result_of_set(name, np.asarray(first.values(name)), 1)
        assert np.array_equal(told, second.values(name))


def test_weights_stay_and_nothing_can_be_written_to():
    tensors = make_tensors(CASE, 2, seed=0)
    other = tensors_of_set(tensors, 1)
    assert other.w is tensors.w
    assert np.array_equal(other.b, 2 * tensors.b)
    assert not any(array.flags.writeable for array in (other.x, other.dy, other.b))
