"""Cost: FLOPs against counting every tap one by one, bytes against the tensors of a pass."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convbench_specs import DTYPES, PASSES, Case, Conv, Flatten, Pool, SpecError, cost, multiply_adds

few = st.integers(1, 3)
sides = st.tuples(st.integers(0, 2), st.integers(0, 2))
dtypes = st.sampled_from(list(DTYPES))
batch_sizes = st.integers(0, 3)


def case_or_reject(operation, shape, dtype) -> Case:
    try:
        return Case(name="case", operation=operation, input_shape=shape, dtype=dtype)
    except SpecError:
        assume(False)
        raise


@st.composite
def convolutions(draw):
    rank, groups = draw(st.integers(1, 2)), draw(few)
    operation = Conv(
        in_channels=groups * draw(few),
        out_channels=groups * draw(few),
        kernel_size=draw(st.tuples(*[few] * rank)),
        stride=draw(st.tuples(*[few] * rank)),
        padding=draw(st.sampled_from(["valid", "same"]) | st.tuples(*[sides] * rank)),
        dilation=draw(st.tuples(*[few] * rank)),
        groups=groups,
        bias=draw(st.booleans()),
    )
    shape = (operation.in_channels, *draw(st.tuples(*[st.integers(1, 6)] * rank)))
    return case_or_reject(operation, shape, draw(dtypes))


@st.composite
def pools(draw, kind):
    rank = draw(st.integers(1, 2))
    shape = draw(st.tuples(st.integers(1, 5), *[st.integers(1, 6)] * rank))
    if draw(st.booleans()):
        operation = Pool(kind=kind, kernel_size=draw(few), over="channels")
    else:
        operation = Pool(
            kind=kind,
            kernel_size=draw(st.tuples(*[few] * rank)),
            stride=draw(st.none() | st.tuples(*[few] * rank)),
            padding=draw(st.tuples(*[sides] * rank)),
            dilation=draw(st.tuples(*[few] * rank)),
            ceil_mode=draw(st.booleans()),
        )
    return case_or_reject(operation, shape, draw(dtypes))


def taps(case: Case) -> list[bool]:
    """One entry for every tap of every window of one map: whether it reads the input."""
    found = []
    for window in product(*(range(axis.output) for axis in case.axes)):
        for tap in product(*(range(axis.kernel) for axis in case.axes)):
            places = (
                o * axis.stride - axis.before + t * axis.dilation
                for o, t, axis in zip(window, tap, case.axes, strict=True)
            )
            found.append(all(0 <= place < axis.size for place, axis in zip(places, case.axes, strict=True)))
    return found


def tensor_sizes(case: Case, batch_size: int) -> dict[str, int]:
    sizes = {"x": prod(case.x_shape(batch_size)), "y": prod(case.y_shape(batch_size))}
    sizes["w"], sizes["b"] = prod(case.w_shape or (0,)), prod(case.b_shape or (0,))
    return sizes


@given(convolutions(), batch_sizes)
def test_a_convolution_multiplies_and_adds_once_a_tap(case, batch_size):
    operation, counted = case.operation, taps(case)
    filters = operation.out_channels * operation.in_channels // operation.groups
    bias = batch_size * prod(case.output_shape) if operation.bias else 0
    forward = cost(case, batch_size, "forward")
    assert forward.flops == 2 * batch_size * filters * len(counted) + bias
    assert forward.valid_flops == 2 * batch_size * filters * sum(counted) + bias
    assert multiply_adds(case) == filters * len(counted)


@given(convolutions(), batch_sizes)
def test_a_backward_pass_is_two_products_as_large_as_the_forward(case, batch_size):
    bias = batch_size * prod(case.output_shape) if case.operation.bias else 0
    forward, backward = (cost(case, batch_size, name) for name in ("forward", "backward"))
    assert backward.flops - bias == 2 * (forward.flops - bias)
    assert backward.valid_flops - bias == 2 * (forward.valid_flops - bias)


@given(pools("max"), batch_sizes)
def test_a_maximum_compares_all_taps_of_a_window_but_one(case, batch_size):
    outputs, counted = batch_size * prod(case.output_shape), taps(case)
    maps = batch_size * (1 if case.operation.over == "channels" else case.input_shape[0])
    assert cost(case, batch_size, "forward").flops == maps * len(counted) - outputs
    assert cost(case, batch_size, "forward").valid_flops == maps * sum(counted) - outputs
    assert cost(case, batch_size, "backward").flops == outputs


@given(pools("average"), batch_sizes)
def test_an_average_adds_every_tap_and_divides_once_a_window(case, batch_size):
    """Forward k - 1 additions and a division make k; backward is a division a window and an addition a tap."""
    outputs, counted = batch_size * prod(case.output_shape), taps(case)
    maps = batch_size * (1 if case.operation.over == "channels" else case.input_shape[0])
    assert cost(case, batch_size, "forward").valid_flops == maps * sum(counted)
    assert cost(case, batch_size, "backward").flops == maps * len(counted) + outputs


@given(convolutions() | pools("max") | pools("average"), batch_sizes)
def test_both_passes_cost_what_they_cost_one_by_one(case, batch_size):
    forward, backward, both = (cost(case, batch_size, name) for name in PASSES)
    assert both.flops == forward.flops + backward.flops
    assert both.valid_flops == forward.valid_flops + backward.valid_flops
    assert max(forward.bytes, backward.bytes) <= both.bytes <= forward.bytes + backward.bytes


@given(convolutions(), batch_sizes)
def test_bytes_of_a_convolution_are_its_tensors_each_once(case, batch_size):
    size, element = tensor_sizes(case, batch_size), DTYPES[case.dtype]
    x, y, w, b = (size[name] for name in "xywb")
    assert cost(case, batch_size, "forward").bytes == element * (x + w + b + y)
    assert cost(case, batch_size, "backward").bytes == element * ((x + w + y) + (x + w + b))
    assert cost(case, batch_size, "both").bytes == element * ((x + w + b + y) + (x + y + w + b))


@pytest.mark.parametrize(("kind", "backward"), [("max", 2 * 100 + 25), ("average", 100 + 25)])
def test_only_a_maximum_needs_its_input_again_for_the_gradient(kind, backward):
    case = Case(name="pool", operation=Pool(kind=kind, kernel_size=(2, 2)), input_shape=(1, 10, 10))
    assert cost(case, 1, "forward").bytes == 4 * (100 + 25)
    assert cost(case, 1, "backward").bytes == 4 * backward


@pytest.mark.parametrize(
    ("order", "shape", "moved"),
    [("channels_first", (3, 4, 5), 0), ("channels_last", (3, 4, 5), 2 * 60), ("channels_last", (3, 4), 2 * 12)],
)
def test_a_flatten_moves_bytes_only_where_it_permutes(order, shape, moved):
    case = Case(name="flatten", operation=Flatten(order=order), input_shape=shape, dtype="float64")
    assert [cost(case, 2, name).bytes for name in PASSES] == [16 * moved, 16 * moved, 32 * moved]
    assert {cost(case, 2, name).flops for name in PASSES} == {0}


def test_arithmetic_of_200_filters_on_a_photograph():
    """200 filters 5 x 5 on 150 x 100 RGB: 225 million multiplications; as a dense layer 135 billion parameters."""
    operation = Conv(in_channels=3, out_channels=200, kernel_size=(5, 5), padding="same")
    case = Case(name="conv", operation=operation, input_shape=(3, 100, 150))
    assert operation.parameter_count == 15_200
    assert multiply_adds(case) == 225_000_000
    assert prod(case.output_shape) * 32 == 96_000_000
    assert prod(case.output_shape) * (prod(case.input_shape) + 1) == 135_003_000_000


def test_only_a_convolution_multiplies():
    assert multiply_adds(Case(name="p", operation=Pool(kind="average", kernel_size=(2, 2)), input_shape=(1, 4, 4))) == 0
    assert multiply_adds(Case(name="f", operation=Flatten(), input_shape=(1, 4, 4))) == 0
