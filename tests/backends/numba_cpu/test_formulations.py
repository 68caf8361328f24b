"""Formulations of convolutions: their cost models, and the rule that takes what costs least for each pass."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from math import isfinite, prod
from pathlib import Path

import pytest
from conv_shapes import conv_shapes
from hypothesis import given
from hypothesis import strategies as st

from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cpu.convolution.choose import Names, choose, named
from convbench_backends.numba_cpu.convolution.formulations import FORWARD, GRADIENT, WEIGHT_GRADIENTS
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Axis, Conv, Unsupported, load_workload

NETWORKS = Path(__file__).parents[2] / "benchmarks" / "networks"
PASSES = {"y": FORWARD, "dx": GRADIENT, "dw": WEIGHT_GRADIENTS}
ALGORITHMS = {name for ways in PASSES.values() for name in ways}
SHAPES = conv_shapes(st.integers(1, 40) | st.integers(100, 3000), grouped=True)
ITEMSIZES = st.sampled_from([4, 8])
THREADS = st.integers(1, 64)


def possible(shape: ConvShape, itemsize: int) -> Iterator[tuple[str, str]]:
    """(pass, formulation) for all that can be done of a shape."""
    for pass_name, ways in PASSES.items():
        for name, way in ways.items():
            if not way.why_not(shape, itemsize):
                yield pass_name, name


def test_the_option_names_every_formulation():
    (option,) = [each for each in NumbaCpu.options if each.name == "algorithm"]
    assert {*option.choices} == ALGORITHMS | {"auto"}


@given(SHAPES, ITEMSIZES, THREADS)
def test_the_cost_of_whatever_can_be_done_is_a_finite_number_above_zero(shape, itemsize, threads):
    for pass_name, name in possible(shape, itemsize):
        cost = PASSES[pass_name][name].cost(shape, itemsize, threads)
        assert isfinite(cost)
        assert cost > 0, (pass_name, name)


@given(SHAPES, ITEMSIZES, THREADS, st.integers(1, 9), st.integers(3, 6))
def test_many_more_filters_in_whole_blocks_never_cost_less(shape, itemsize, threads, blocks, factor):
    few = replace(shape, out_channels=blocks * FILTERS * shape.groups)  # a rest of a block may cost more than a block
    many = replace(shape, out_channels=factor * few.out_channels)
    for pass_name, name in {*possible(few, itemsize)} & {*possible(many, itemsize)}:
        cost = PASSES[pass_name][name].cost
        assert cost(many, itemsize, threads) >= cost(few, itemsize, threads), (pass_name, name)


@given(SHAPES, ITEMSIZES, THREADS)
def test_the_rule_takes_for_each_pass_what_costs_least_of_what_can_be_done(shape, itemsize, threads):
    can = {*possible(shape, itemsize)}
    for pass_name, chosen in choose(shape, itemsize=itemsize, threads=threads)._asdict().items():
        assert (pass_name, chosen) in can
        costs = {name: PASSES[pass_name][name].cost(shape, itemsize, threads) for of, name in can if of == pass_name}
        assert costs[chosen] == min(costs.values())


@given(SHAPES, ITEMSIZES, st.sampled_from(sorted(ALGORITHMS)))
def test_a_formulation_by_name_does_the_passes_that_it_can_and_implicit_gemm_the_others(shape, itemsize, algorithm):
    can = {*possible(shape, itemsize)}
    found = named(algorithm, shape, itemsize)
    if isinstance(found, Unsupported):
        assert not any(name == algorithm for _, name in can)
        assert found.reason.startswith(f"algorithm={algorithm}: ")
        assert "no such pass" not in found.reason
    else:
        assert algorithm in found
        for pass_name, name in found._asdict().items():
            assert name == (algorithm if (pass_name, algorithm) in can else "implicit_gemm")


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (("panels", "panels", "panels"), "packed panels"),
        (("panels", "implicit_gemm", "panels"), "packed panels, dx by implicit GEMM"),
        (("implicit_gemm", "implicit_gemm", "implicit_gemm"), "implicit GEMM"),
        (("implicit_gemm", "columns", "panels"), "implicit GEMM, dx by columns, dw by packed panels"),
        (("winograd", "winograd", "implicit_gemm"), "Winograd F(2x2, 3x3), dw by dot products"),
    ],
)
def test_the_title_names_the_formulation_of_y_and_those_that_differ_from_it(names, title):
    assert Names(*names).title == title


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("network", ["mobilenet_v1", str(NETWORKS / "efficientnet_b0.toml")])
def test_every_layer_of_one_filter_a_channel_gets_the_kernels_for_it(network, batch_size):
    shapes = [ConvShape.of(c, batch_size) for c in load_workload(network).cases if isinstance(c.operation, Conv)]
    layers = [shape for shape in shapes if shape.groups > 1]
    assert layers
    assert {choose(shape, itemsize=4, threads=2) for shape in layers} == {Names(*["depthwise"] * 3)}


def test_choosing_makes_no_array_as_large_as_the_weights():
    axis = Axis(size=7, kernel=7)
    shape = ConvShape(1, 512, 4096, 1, axis, axis)
    tracemalloc.start()
    choose(shape, itemsize=4, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < prod(shape.w)  # bytes: a quarter of the weights


def test_a_batch_of_nothing_has_a_formulation():
    axis = Axis(size=9, kernel=1)
    assert choose(ConvShape(0, 64, 64, 1, axis, axis), itemsize=4, threads=2).y in FORWARD
