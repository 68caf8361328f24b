"""Update of numba-cpu: results follow from the last tensors alone, bit by bit, on every formulation."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
import pytest

from convbench.verify.data import make_tensors
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cpu.convolution.choose import Names, named
from convbench_backends.numba_cpu.convolution.formulations import FORWARD, GRADIENT, WEIGHT_GRADIENTS
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Case, Conv, Flatten, Pool, Prepared, Settings, Tensors
from convbench_specs.backend import PreparePhase

BATCH_SIZE = 2
NAMES = ("x", "dy", "w", "b")


def conv(channels, filters, size, kernel, **parameters):
    return Conv(in_channels=channels, out_channels=filters, kernel_size=kernel, **parameters), (channels, *size)


FORMULATIONS = {
    "implicit_gemm": [
        conv(5, 9, (7, 10), (3, 2), stride=(2, 3), padding=((1, 2), (0, 1)), bias=False),
        conv(6, 10, (5, 9), (3, 3), dilation=(1, 2), groups=2),
        conv(33, 17, (4, 33), (1, 1)),
        conv(8, 12, (31,), (4,), stride=(2,), padding="same"),
    ],
    "panels": [
        conv(17, 9, (7, 10), (1, 1), stride=(2, 2)),
        conv(5, 12, (7, 10), (3, 2), stride=(2, 3), padding=((1, 2), (0, 1)), bias=False),
        conv(33, 17, (40,), (1,)),
        conv(3000, 9, (20, 21), (1, 1)),
    ],
    "columns": [
        conv(3, 33, (12, 17), (5, 5), padding="same"),
        conv(1, 17, (40,), (9,), padding=((7, 2),), dilation=(3,)),
    ],
    "winograd": [
        conv(17, 33, (12, 19), (3, 3), padding=((1, 0), (2, 1))),
        conv(16, 16, (8, 8), (3, 3), bias=False),
    ],
    "depthwise": [
        conv(17, 17, (4, 50), (3, 3), padding="same", groups=17),
        conv(17, 17, (5, 50), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), groups=17),
        conv(3, 3, (6, 5), (3, 3), groups=3, bias=False),
        conv(3, 3, (7, 9), (3, 3), stride=(2, 2), groups=3, bias=False),
        conv(9, 9, (7, 7), (5, 5), padding="same", groups=9),
        conv(9, 9, (14, 9), (7, 5), stride=(2, 2), padding=((3, 3), (2, 2)), groups=9),
    ],
    "few_places": [
        conv(64, 40, (4, 4), (1, 1)),
        conv(17, 90, (8, 5), (3, 3), padding="same", bias=False),
    ],
}
"""Of convolutions: by the name of each, whatever the rule would choose."""
OTHERS = {
    "im2col bands, BLAS product a thread": [
        conv(3, 5, (6, 7), (3, 3), padding="same", padding_mode="edge"),
        conv(4, 6, (9,), (3,), padding="same", padding_mode="edge", groups=2, bias=False),
    ],
    "small windows, winner in one byte": [
        (Pool(kind="max", kernel_size=(2, 2)), (5, 7, 34)),
        (Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), ceil_mode=True), (3, 9, 34)),
    ],
    "small windows": [(Pool(kind="average", kernel_size=(2, 2)), (5, 7, 34))],
    "row by row, winner in one byte": [
        (Pool(kind="max", kernel_size=(2, 3), stride=(2, 1), padding=((1, 0), (1, 1)), ceil_mode=True), (3, 9, 20)),
        (Pool(kind="max", kernel_size=(3,), stride=(3,)), (3, 20)),
    ],
    "row by row, winner in four bytes": [(Pool(kind="max", kernel_size=(17, 16), stride=(2, 2)), (2, 21, 22))],
    "row by row": [
        (Pool(kind="average", kernel_size=(2, 3), stride=(2, 1), padding=((1, 0), (1, 1))), (3, 9, 20)),
        (Pool(kind="average", kernel_size=(2,)), (3, 20)),
    ],
    "whole planes": [(Pool(kind="average", kernel_size="global"), (33, 5, 7))],
    "view": [(Flatten(), (3, 4, 5)), (Flatten(), (3, 7))],
    "transposing copy": [(Flatten(order="channels_last"), (3, 4, 5)), (Flatten(order="channels_last"), (3, 7))],
}
"""What has one way: by what it is called in results."""
ORDINARY = {"implicit_gemm", "panels", "winograd", "small windows, winner in one byte", "view"}
"""What an ordinary run tests: each case compiles kernels for seconds."""
CASES = [
    pytest.param(
        Case(name="updated", operation=operation, input_shape=shape, dtype=dtype),
        way,
        id=f"{dtype}-{way}-{number}".replace(" ", "_"),
        marks=() if (dtype, number) == ("float32", 0) and way in ORDINARY else pytest.mark.slow,
    )
    for dtype in ("float32", "float64")
    for way, operations in (FORMULATIONS | OTHERS).items()
    for number, (operation, shape) in enumerate(operations if dtype == "float32" else operations[:1])
]
each_case = pytest.mark.parametrize(("case", "way"), CASES)


@pytest.fixture(scope="module", autouse=True)
def _two_threads():
    """Results of a level that sums shares depend on their number: as a run sets it, and the same on every machine."""
    numba = pytest.importorskip("numba")
    before = numba.get_num_threads()
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    yield
    numba.set_num_threads(before)


def drawn(case: Case, seed: int) -> Tensors:
    """Tensors of a seed."""
    return make_tensors(case, BATCH_SIZE, seed=seed)


def poisoned(like: Tensors) -> Tensors:
    """Tensors of the same shapes that are NaN everywhere: whatever is made of them is NaN, too."""
    values = {name: getattr(like, name) for name in NAMES}
    return Tensors(**{name: None if each is None else np.full_like(each, np.nan) for name, each in values.items()})


@cache
def backend(algorithm: str) -> NumbaCpu:
    """The backend with its option set, started with the threads of the fixture."""
    from numba import get_num_threads

    started = NumbaCpu()
    started.start(Settings(threads=get_num_threads(), options={"algorithm": algorithm}))
    return started


def prepare(case: Case, tensors: Tensors, way: str) -> Prepared:
    """By the formulation of that name, where `way` is one."""
    prepared = backend(way if way in FORMULATIONS else "auto").prepare(case, tensors)
    assert isinstance(prepared, Prepared)
    return prepared


def bits(prepared: Prepared, pass_name: str) -> list[tuple]:
    """Everything about the results of a pass, copied."""
    results = prepared.call_of(pass_name)()
    leaves = (results,) if pass_name == "forward" else results
    return [() if leaf is None else (leaf.shape, leaf.dtype, leaf.tobytes()) for leaf in leaves]


def bits_of_a_fresh_prepare(case: Case, tensors: Tensors, way: str) -> dict[str, list[tuple]]:
    prepared = prepare(case, tensors, way)
    return {pass_name: bits(prepared, pass_name) for pass_name in ("forward", "backward", "both")}


def taken(case: Case, way: str) -> Names:
    """The formulation of each pass."""
    names = named(way, ConvShape.of(case, BATCH_SIZE), np.dtype(case.dtype).itemsize)
    assert isinstance(names, Names)
    return names


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_cases_take_every_formulation_of_every_pass(dtype):
    params = [param.values for param in CASES]
    names = [taken(case, way) for case, way in params if way in FORMULATIONS and case.dtype == dtype]
    for of_pass, ways in zip(zip(*names, strict=True), (FORWARD, GRADIENT, WEIGHT_GRADIENTS), strict=True):
        assert {*of_pass} == ways.keys()


ORDERS = (
    ("forward", "backward", "both"),
    ("backward", "forward", "both"),
    ("both", "backward", "forward"),
    ("backward", "backward", "both"),
)


@each_case
def test_every_pass_in_every_order_gives_what_a_fresh_prepare_gives_and_compiles_nothing(case, way, monkeypatch):
    right = {seed: bits_of_a_fresh_prepare(case, drawn(case, seed), way) for seed in (1, 2)}
    assert right[1]["forward"] != right[2]["forward"]
    assert right[1]["backward"] != right[2]["backward"]
    prepared = prepare(case, drawn(case, 1), way)
    assert prepared.algorithm == (taken(case, way).title if way in FORMULATIONS else way)

    def compiled_again(*_):
        pytest.fail("a kernel was compiled after prepare")

    from convbench_backends.numba_cpu.compiler.jit import Kernel

    monkeypatch.setattr(Kernel, "_compile", compiled_again)
    for order in ORDERS:
        for seed in (2, 1):
            prepared.update(drawn(case, seed))
            for pass_name in order:
                assert bits(prepared, pass_name) == right[seed][pass_name], (pass_name, order)


@each_case
def test_nothing_survives_of_tensors_before_and_none_of_the_new_ones_is_read_later(case, way):
    right = bits_of_a_fresh_prepare(case, drawn(case, 2), way)
    nan = poisoned(drawn(case, 2))
    for order in ORDERS:
        prepared = prepare(case, nan, way)
        bits(prepared, "both")
        prepared.update(drawn(case, 1))
        prepared.update(nan)
        bits(prepared, order[-1])
        lent = Tensors(
            **{name: None if t is None else t.copy() for name in NAMES for t in [getattr(drawn(case, 2), name)]}
        )
        prepared.update(lent)
        for name in NAMES:
            if getattr(lent, name) is not None:
                getattr(lent, name).fill(np.nan)
        for pass_name in order:
            assert bits(prepared, pass_name) == right[pass_name], (pass_name, order)


@each_case
def test_what_training_keeps_is_made_of_the_last_tensors(case, way):
    prepared = prepare(case, drawn(case, 1), way)
    prepared.update(drawn(case, 2))
    kept, fresh = (each.forward_for_training() for each in (prepared, prepare(case, drawn(case, 2), way)))
    for one, other in zip(*((each if isinstance(each, tuple) else (each,)) for each in (kept, fresh)), strict=True):
        assert one.tobytes() == other.tobytes()
    assert bits(prepared, "backward") == bits(prepare(case, drawn(case, 2), way), "backward")


@each_case
def test_layout_and_phases_are_told(case, way):
    prepared = prepare(case, drawn(case, 1), way)
    assert prepared.layout == {1: "NCW", 2: "NCHW"}[case.rank]
    assert prepared.phases_s.keys() <= {*get_args(PreparePhase)}
