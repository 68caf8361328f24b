"""A result of another shape is told for what it is, and any shape at all can be asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.verify.explain import explain_shape
from convbench_specs import Case, Conv, Pool

CEIL = Case(
    name="ceil",
    operation=Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), ceil_mode=True),
    input_shape=(3, 8, 10),
)
CONV = Case(name="conv", operation=Conv(in_channels=2, out_channels=4, kernel_size=(1, 1)), input_shape=(2, 5, 6))
GLOBAL = Case(name="global", operation=Pool(kind="average", kernel_size="global"), input_shape=(5, 4, 3))


@pytest.mark.parametrize(
    ("case", "tensor", "shape", "name"),
    [
        (CEIL, "y", (3, 3, 3, 4), "ceil_mode_ignored"),
        (CEIL, "y", (3, 3, 4, 4), "ceil_mode_ignored"),
        (GLOBAL, "y", (3, 5), "axes_of_length_one"),
        (CONV, "y", (3, 5, 6, 4), "channels_last"),
        (CONV, "y", (3, 4, 6, 5), "axes_exchanged"),
        (CONV, "dx", (1, 2, 5, 6), "batch_size"),
    ],
)
def test_a_wrong_shape_is_told_for_what_it_is(case, tensor, shape, name):
    (told,) = explain_shape(case, tensor, 3, shape)
    assert told.name == name
    assert str(shape) in told.sentence


@given(
    case=st.sampled_from([CEIL, CONV, GLOBAL]),
    tensor=st.sampled_from(["y", "dx", "dw", "db"]),
    shape=st.lists(st.integers(0, 6), max_size=5).map(tuple),
)
def test_any_shape_can_be_asked_about_and_of_the_right_one_nothing_is_told(case, tensor, shape):
    if tensor in ("y", *case.gradient_names):
        assert len(explain_shape(case, tensor, 3, shape)) <= 1
        assert explain_shape(case, tensor, 3, case.shape_of(tensor, 3)) == ()
