"""What is particular to the naive backend: pure Python in the loops, one rounding, and predictions by counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from verify_cases import convolutions, pools

from convbench.plan.settings import RunSettings
from convbench.run.timing.budget import MIN_CALLS
from convbench_backends.naive import Naive, prediction
from convbench_backends.naive.windows import along_axis
from convbench_specs import Axis, Case, Conv, Flatten, Pool, Settings, Tensors, cost, load_workload, multiply_adds

SMALL = Case(name="c", operation=Conv(in_channels=1, out_channels=1, kernel_size=(3,), bias=False), input_shape=(1, 5))


def rates(window_s=0.0, row_s=0.0, tap_s=0.0):
    return dict.fromkeys(prediction.TINY, prediction.Rates(window_s=window_s, row_s=row_s, tap_s=tap_s))


def tensors(case, x, w):
    dy = np.ones(case.y_shape(len(x)), x.dtype)
    return Tensors(x=x, dy=dy, w=w)


def leaves(nested):
    return [leaf for item in nested for leaf in leaves(item)] if isinstance(nested, list) else [nested]


def test_a_window_lists_the_taps_that_read_the_input():
    axis = Axis(size=5, kernel=3, stride=2, before=1, after=1)
    assert along_axis(axis) == [[(1, 0), (2, 1)], [(0, 1), (1, 2), (2, 3)], [(0, 3), (1, 4)]]


def test_edge_padding_reads_the_border_once_more():
    axis = Axis(size=2, kernel=3, before=2, after=1)
    assert along_axis(axis, edge=True) == [[(0, 0), (1, 0), (2, 0)], [(0, 0), (1, 0), (2, 1)], [(0, 0), (1, 1), (2, 1)]]


def test_results_are_python_floats_until_they_are_brought_to_numpy():
    prepared = Naive().prepare(SMALL, tensors(SMALL, np.ones((2, 1, 5), np.float32), np.ones((1, 1, 3), np.float32)))
    y, dx, dw, _ = prepared.call_of("both")()
    assert {type(leaf) for leaf in leaves([y, dx, dw])} == {float}
    assert prepared.to_numpy("dw", dw).dtype == np.float32


def test_float32_is_rounded_once_at_the_end():
    x = np.array([[[1, 2.0**-30, -1, 0, 0]]], np.float32)
    prepared = Naive().prepare(SMALL, tensors(SMALL, x, np.ones((1, 1, 3), np.float32)))
    assert prepared.to_numpy("y", prepared.forward())[0, 0, 0] == np.float32(2.0**-30)


@given(convolutions(["float64"]))
def test_a_tap_costs_as_often_as_it_is_multiplied(case):
    seconds = prediction.predict_s(rates(tap_s=1.0), case, 3, "forward")
    edge = case.operation.padding_mode == "edge"
    products = 2 * 3 * multiply_adds(case) if edge else cost(case, 3, "forward").valid_flops
    bias = cost(case, 3, "forward").flops - 2 * 3 * multiply_adds(case)
    assert 2 * seconds == products - (0 if edge else bias)


@given(pools(["float64"]))
def test_a_pool_looks_at_every_tap_on_the_input(case):
    seconds = prediction.predict_s(rates(tap_s=1.0), case, 2, "forward")
    reads = [sum(len(window) for window in along_axis(axis)) for axis in case.axes]
    planes = np.prod(case.x_view_shape(2)[: -len(case.axes)])
    assert seconds == planes * np.prod(reads)


@pytest.mark.parametrize("operation", [SMALL.operation, Pool(kind="max", kernel_size="global"), Flatten()])
def test_a_step_takes_as_long_as_both_passes_and_a_batch_as_all_its_images(operation):
    case = Case(name="c", operation=operation, input_shape=(1, 5))
    given_rates = rates(window_s=3.0, row_s=2.0, tap_s=1.0)
    one = [prediction.predict_s(given_rates, case, 1, name) for name in ("forward", "backward", "both")]
    four = [prediction.predict_s(given_rates, case, 4, name) for name in ("forward", "backward", "both")]
    assert one[2] == one[0] + one[1]
    assert four == [4 * seconds for seconds in one]


def test_nothing_is_predicted_before_the_loops_were_timed():
    backend = Naive()
    assert backend.predict_s(SMALL, 1, "forward") is None
    facts = backend.start(Settings())
    assert int(facts["ns_per_tap"]) >= 0
    assert backend.predict_s(SMALL, 1, "forward") > 0


SLOW_MACHINE = rates(window_s=1e-6, row_s=3e-7, tap_s=3e-7)
"""Rates some three times those of a machine of 2026."""


@pytest.mark.parametrize("pass_name", ["forward", "backward"])
@pytest.mark.parametrize("name", ["small_conv", "small_pool"])
def test_quick_has_cases_that_loops_finish_within_the_budget_at_every_default_batch_size(name, pass_name):
    (case,) = (case for case in load_workload("quick").cases if case.name == name)
    largest = max(RunSettings().batch_sizes)
    seconds = prediction.predict_s(SLOW_MACHINE, case, largest, pass_name)
    assert seconds * MIN_CALLS <= RunSettings().budget_s
