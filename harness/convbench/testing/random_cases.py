"""Random cases over the whole spec, as hypothesis strategies: for fuzzing and for tests.

Rules:
- Every case is valid by construction: kernels, strides, dilations and paddings are drawn first, then a size that they
  fit on, then as many channels as keep the work small. Nothing is drawn in vain.
- Simple comes first in every choice, as hypothesis shrinks towards it: no padding, stride 1, one group, small numbers.
- hypothesis is an extra. Where it is missing, importing this module raises MissingHypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from convbench.errors import UsageError
from convbench_specs import Axis, Case, Conv, DType, Flatten, Operation, Padding, Pool, same_padding
from convbench_specs.operations import PoolKind


class MissingHypothesis(UsageError):  # noqa: N818  # it says what is the matter
    """hypothesis, which draws and shrinks cases, is not installed; the text names the extra that brings it."""


try:
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy
except ImportError as error:
    raise MissingHypothesis('random cases need hypothesis: pip install "convbench[fuzz]"') from error

LARGEST_KERNEL = 5
LARGEST_PADDING = 5
BEYOND = "beyond the kernel"
"""Padding in which a whole window fits: only for a convolution."""
LARGEST_STRIDE = 4
LARGEST_DILATION = 3
KINDS: SearchStrategy[PoolKind] = st.sampled_from(("max", "average"))
LARGE_WINDOWS = ((2116,), (46, 46), (3, 700))
"""Windows of more than 2,049 elements: where sums and counts of 16 bits end."""
MORE_CHANNELS = (7, 8, 9, 16, 17, 33)
"""Beside 1 to 4 a group: around the widths of vectors and blocks, where kernels have tails."""


def cases(
    dtypes: Sequence[DType] = ("float32", "float64"),
    *,
    max_extra_size: int = 8,
    max_multiply_adds: int = 20_000,
) -> SearchStrategy[Case]:
    """Any case: a convolution more often than a pool, a pool more often than a flatten.

    `max_extra_size` is how much longer than it must be an axis gets; `max_multiply_adds` bounds an instance's forward
    pass by its channels.
    """
    sizes = _Sizes(max_extra_size, max_multiply_adds)
    operations = st.sampled_from((_convolution,) * 5 + (_pool,) * 4 + (_flatten,))
    return _case(operations, sizes, dtypes)


def plain_cases(dtypes: Sequence[DType] = ("float32", "float64")) -> SearchStrategy[Case]:
    """What a small library computes: square planes and windows, the same padding all round, one group, no dilation."""
    return _plain_case(dtypes)


def batch_sizes(least: int = 1, most: int = 5) -> SearchStrategy[int]:
    """How many instances."""
    return st.integers(least, most)


class _Sizes:
    """How large cases get."""

    def __init__(self, extra: int, multiply_adds: int) -> None:
        self.extra = st.integers(0, extra)
        self._multiply_adds = multiply_adds

    def channels(self, taps_and_places: int) -> SearchStrategy[int]:
        """Channels, each of which costs so many multiply-adds."""
        most = max(1, self._multiply_adds // taps_and_places)
        allowed = [count for count in (1, 2, 3, 4, *MORE_CHANNELS) if count <= most]
        return st.sampled_from(allowed)


@st.composite
def _case(draw: DrawFn, operations: SearchStrategy[Any], sizes: _Sizes, dtypes: Sequence[DType]) -> Case:
    operation, shape = draw(draw(operations)(sizes))
    name = f"{type(operation).__name__.lower()}1"  # what a table without a name is called: commands stay short
    return Case(name=name, operation=operation, input_shape=shape, dtype=draw(st.sampled_from(list(dtypes))))


@st.composite
def _plain_case(draw: DrawFn, dtypes: Sequence[DType]) -> Case:
    kernel, stride = draw(st.integers(1, LARGEST_KERNEL)), draw(st.integers(1, 2))
    padding, size = draw(st.sampled_from([0, kernel // 2])), draw(st.integers(kernel, kernel + 8))
    channels, window = draw(st.sampled_from([1, 2, 3, 4, 8])), (kernel, kernel)
    sides: Padding = ((padding, padding),) * 2 if padding else "valid"
    conv = Conv(
        in_channels=channels,
        out_channels=draw(st.sampled_from([1, 2, 3, 4, 8])),
        kernel_size=window,
        stride=(stride, stride),
        padding=sides,
        bias=draw(st.booleans()),
    )
    pool = Pool(kind=draw(KINDS), kernel_size=window, stride=draw(st.sampled_from([window, (stride, stride)])))
    operations: tuple[Operation, ...] = (conv, pool, Flatten())
    operation = draw(st.sampled_from(operations))
    name = f"{type(operation).__name__.lower()}1"
    shape = (channels, size, size)
    return Case(name=name, operation=operation, input_shape=shape, dtype=draw(st.sampled_from(list(dtypes))))


@st.composite
def _convolution(draw: DrawFn, sizes: _Sizes) -> tuple[Operation, tuple[int, ...]]:
    axes, padding = draw(_axes(sizes, for_pool=False))
    work = prod(axis.output * axis.kernel for axis in axes)
    kind = draw(st.sampled_from(["plain", "plain", "groups", "depthwise"]))
    groups = 1 if kind == "plain" else draw(st.sampled_from([2, 3, 5]))
    filters = draw(sizes.channels(work * groups))
    channels = 1 if kind == "depthwise" else draw(sizes.channels(work * groups * filters))
    operation = Conv(
        in_channels=groups * channels,
        out_channels=groups * filters,
        kernel_size=tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        padding=padding,
        dilation=tuple(axis.dilation for axis in axes),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "zeros", "edge"])),
    )
    return operation, (operation.in_channels, *(axis.size for axis in axes))


@st.composite
def _pool(draw: DrawFn, sizes: _Sizes) -> tuple[Operation, tuple[int, ...]]:
    kind = draw(KINDS)
    window = draw(st.sampled_from(["space", "space", "space", "global", "channels"]))
    if window == "global" and draw(st.booleans()):
        kernel = draw(st.sampled_from(LARGE_WINDOWS))
        rows = kernel[0] * draw(st.integers(1, 2))
        operation = Pool(kind=kind, kernel_size="global" if draw(st.booleans()) else kernel)
        return operation, (draw(st.integers(1, 3)), rows, *kernel[1:])
    if window != "space":
        spatial = draw(_spatial(sizes))
        count = st.sampled_from([1, 2, 3, 4, 7, 17])
        if window == "global":
            return Pool(kind=kind, kernel_size="global"), (draw(count), *spatial)
        group = draw(st.integers(1, 4))
        return Pool(kind=kind, kernel_size=(group,), over="channels"), (group - 1 + draw(count), *spatial)
    axes, padding = draw(_axes(sizes, for_pool=True))
    operation = Pool(
        kind=kind,
        kernel_size=tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        padding=padding,
        dilation=tuple(axis.dilation for axis in axes),
        ceil_mode=axes[0].ceil_mode,
        count_include_pad=draw(st.sampled_from([True, False])),
    )
    channels = draw(sizes.channels(prod(axis.output * axis.kernel for axis in axes)))
    return operation, (channels, *(axis.size for axis in axes))


@st.composite
def _flatten(draw: DrawFn, sizes: _Sizes) -> tuple[Operation, tuple[int, ...]]:
    spatial = draw(_spatial(sizes))
    flatten = draw(st.sampled_from([Flatten(), Flatten(order="channels_last")]))
    return flatten, (draw(sizes.channels(1)), *spatial)


@st.composite
def _spatial(draw: DrawFn, sizes: _Sizes) -> tuple[int, ...]:
    return tuple(1 + draw(sizes.extra) for _ in range(draw(st.sampled_from([1, 2]))))


@st.composite
def _axes(draw: DrawFn, sizes: _Sizes, *, for_pool: bool) -> tuple[tuple[Axis, ...], Padding]:
    """The axes of a window, and the padding as an operation states it."""
    rank = draw(st.sampled_from([1, 2]))
    name = draw(st.sampled_from(["valid", "same", "both sides", "each side", *([] if for_pool else [BEYOND])]))
    ceil_mode = for_pool and draw(st.booleans())
    axes = []
    for _ in range(rank):
        kernel = draw(st.integers(1, LARGEST_KERNEL))
        # padding beyond the kernel is a fault of frameworks where nothing else is special
        stride = draw(st.sampled_from([1, 1, 1, 2]) if name == BEYOND else st.integers(1, LARGEST_STRIDE))
        dilation = draw(st.sampled_from([1, 1, *range(2, LARGEST_DILATION + 1)]))
        before, after = draw(_sides(name, kernel, dilation, for_pool=for_pool))
        axis = Axis(
            size=1, kernel=kernel, stride=stride, dilation=dilation, before=before, after=after, ceil_mode=ceil_mode
        )
        size = _least_size(axis, name, for_pool=for_pool)
        if name != BEYOND or draw(st.booleans()):  # else as short as the kernel and its padding allow: one place
            size += draw(sizes.extra)
        if name == "same":
            before, after = same_padding(size, kernel, stride, dilation)
        axes.append(replace(axis, size=size, before=before, after=after))
    if name in ("valid", "same"):
        return tuple(axes), "valid" if name == "valid" else "same"
    return tuple(axes), tuple((axis.before, axis.after) for axis in axes)


@st.composite
def _sides(draw: DrawFn, name: str, kernel: int, dilation: int, *, for_pool: bool) -> tuple[int, int]:
    """Padding before and after; that of a pool must leave a tap of its first and its last window on the input."""
    if name in ("valid", "same"):
        return 0, 0
    if name == BEYOND:
        beyond, other = (kernel - 1) * dilation + draw(st.integers(1, 4)), draw(st.integers(0, LARGEST_PADDING))
        return (other, beyond) if draw(st.booleans()) else (beyond, other)
    most = min(LARGEST_PADDING, (kernel - 1) * dilation) if for_pool else LARGEST_PADDING
    before = draw(st.integers(0, most))
    return before, before if name == "both sides" else draw(st.integers(0, most))


def _least_size(axis: Axis, name: str, *, for_pool: bool) -> int:
    """The least size that has a window, and for a pool no gap between taps that it could fall into."""
    least = axis.dilation if for_pool else 1
    if name == "same":
        return least
    beyond = axis.stride - 1 if axis.ceil_mode else 0
    return max(least, axis.extent - axis.before - axis.after - beyond)
