"""Random cases cover the spec, are valid without rejecting anything, stay small, and shrink to the simplest."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from math import prod

import pytest
from hypothesis import find, given, settings

from convbench.testing.random_cases import batch_sizes, cases
from convbench_specs import DTYPES, Conv, Flatten, Pool, multiply_adds


def features(case):
    operation, axes = case.operation, case.axes
    yield f"rank {len(case.input_shape) - 1}"
    yield case.dtype
    if isinstance(operation, Flatten):
        yield f"flatten {operation.order}"
        return
    if isinstance(operation, Pool):
        yield f"{operation.kind} pool"
        yield from (["large window"] if prod(axis.kernel for axis in axes) > 2049 else [])
        if operation.kernel_size == "global" or operation.over == "channels":
            yield f"{operation.kind} {'channels' if operation.over == 'channels' else 'global'}"
            return
        yield from (name for name in ("ceil_mode", "count_include_pad") if getattr(operation, name))
        yield from (["count_include_pad off"] if not operation.count_include_pad else [])
        yield from (["overhang"] if any(axis.overhang for axis in axes) else [])
    else:
        yield "conv"
        yield "bias" if operation.bias else "no bias"
        yield f"padding mode {operation.padding_mode}"
        if operation.is_depthwise:
            yield "multiplier" if operation.out_channels > operation.in_channels else "depthwise"
        elif operation.groups > 1:
            yield "groups"
        yield from (["many channels"] if max(operation.in_channels, operation.out_channels) > 16 else [])
    kind = "conv" if isinstance(operation, Conv) else "pool"
    yield f"{kind} padding {operation.padding if isinstance(operation.padding, str) else 'amounts'}"
    conditions = {
        "stride": any(axis.stride > 1 for axis in axes),
        "unequal strides": len({axis.stride for axis in axes}) > 1,
        "stride over kernel": any(axis.stride > axis.extent for axis in axes),
        "dilation": any(axis.dilation > 1 and axis.kernel > 1 for axis in axes),
        "per-side padding": any(axis.before != axis.after for axis in axes),
        "kernel over input": any(axis.extent > axis.size for axis in axes),
        "padding beyond the kernel": any(max(axis.before, axis.after) >= axis.extent for axis in axes),
        "padding beyond the kernel, one place": any(
            axis.before >= axis.extent and axis.size == 1 and axis.stride == 1 for axis in axes
        ),
        "unequal kernel": len({axis.kernel for axis in axes}) > 1,
        "rest ignored": any(axis.unused for axis in axes),
    }
    yield from (f"{kind} {name}" for name, holds in conditions.items() if holds)


EXPECTED = {
    "rank 1", "rank 2", *DTYPES, "flatten channels_first", "flatten channels_last", "max pool", "average pool",
    "max channels", "max global", "average channels", "average global", "large window", "ceil_mode",
    "count_include_pad", "count_include_pad off", "overhang", "conv", "bias", "no bias", "padding mode zeros",
    "padding mode edge", "multiplier", "depthwise", "groups", "many channels",
    *(
        f"{kind} {feature}"
        for kind in ("conv", "pool")
        for feature in (
            "padding valid", "padding same", "padding amounts", "stride", "unequal strides", "stride over kernel",
            "dilation", "per-side padding", "kernel over input", "unequal kernel", "rest ignored",
        )
    ),
    "conv padding beyond the kernel", "conv padding beyond the kernel, one place",
}  # fmt: skip


def test_500_cases_have_every_feature_of_the_spec():
    seen = Counter()

    @settings(max_examples=500, derandomize=True, deadline=None, database=None)
    @given(case=cases(tuple(DTYPES)))
    def look(case):
        seen.update(set(features(case)))

    look()  # would fail a health check if many draws were rejected
    assert set(seen) == EXPECTED
    assert seen["conv"] > 100


@settings(max_examples=300, deadline=None)
@given(case=cases(max_multiply_adds=5_000))
def test_they_stay_small(case):
    assert multiply_adds(case) <= max(5_000, least_work(case))
    assert prod(case.input_shape) <= 40_000


def least_work(case):
    """With one channel and filter a group, as many as there are groups."""
    taps = prod(axis.output * axis.kernel for axis in case.axes)
    return taps * getattr(case.operation, "groups", 1)


def test_the_simplest_case_is_where_shrinking_ends():
    case = find(cases(), lambda case: isinstance(case.operation, Conv) and case.operation.groups > 1)
    assert case.operation == Conv(in_channels=2, out_channels=2, kernel_size=(1,), groups=2, bias=False)
    assert case.input_shape == (2, 1)


@given(batch_size=batch_sizes())
def test_a_batch_has_one_to_five_instances(batch_size):
    assert 1 <= batch_size <= 5


@pytest.mark.parametrize(
    "module", ["convbench.testing.random_cases", "convbench.testing.fuzz", "convbench.testing.suite"]
)
def test_without_hypothesis_the_extra_is_named(module):
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from convbench_specs import ConvbenchError\n"
        f"try:\n    import {module}\nexcept ConvbenchError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "convbench[fuzz]"' in done.stdout, done.stderr
