"""Least memory: bytes of the tensors of a pass, counted one by one."""

from __future__ import annotations

from math import prod

import pytest

from convbench_specs import DTYPES, PASSES, Case, Conv, Flatten, Pool, input_bytes, output_bytes, tensors_of

CONV = Conv(in_channels=3, out_channels=5, kernel_size=(3, 3), padding="same")
CASES = [
    Case(name="conv", operation=CONV, input_shape=(3, 8, 9)),
    Case(name="double", operation=CONV, input_shape=(3, 8, 9), dtype="float64"),
    Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(3, 8, 10)),
    Case(name="flatten", operation=Flatten(order="channels_last"), input_shape=(3, 8, 10)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("pass_name", PASSES)
def test_outputs_are_what_a_pass_returns(case, pass_name):
    elements = sum(prod(case.shape_of(tensor, 4)) for tensor in tensors_of(case, pass_name))
    assert output_bytes(case, 4, pass_name) == elements * DTYPES[case.dtype]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_only_a_backward_reads_dy(case):
    dy = prod(case.y_shape(4)) * DTYPES[case.dtype]
    assert input_bytes(case, 4, "backward") == input_bytes(case, 4, "both") == input_bytes(case, 4, "forward") + dy


def test_inputs_of_a_forward_are_x_w_and_b():
    assert input_bytes(CASES[0], 4, "forward") == 4 * (4 * 3 * 8 * 9 + 5 * 3 * 3 * 3 + 5)


@pytest.mark.parametrize("pass_name", PASSES)
def test_a_flatten_in_the_order_of_memory_returns_a_view(pass_name):
    assert output_bytes(Case(name="flatten", operation=Flatten(), input_shape=(3, 8, 10)), 4, pass_name) == 0


def test_a_whole_im2col_of_3_by_3_needs_ten_times_its_output():
    operation = Conv(in_channels=4, out_channels=4, kernel_size=(3, 3), padding="same", bias=False)
    case = Case(name="square", operation=operation, input_shape=(4, 16, 16))
    columns = 9 * prod(case.x_shape(2)) * DTYPES[case.dtype]
    y = output_bytes(case, 2, "forward")
    assert (columns + y) / y == 10
