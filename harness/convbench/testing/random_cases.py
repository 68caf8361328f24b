"""Random cases over the whole spec, as hypothesis strategies: for fuzzing and for tests.

Rules:
- Every case is valid by construction: kernels, strides, dilations and paddings are drawn first, then a size that they
  fit on, then as many channels as keep the work small. Nothing is drawn in vain.
- Simple comes first in every choice, as hypothesis shrinks towards it: no padding, stride 1, one group, small numbers.
- What `supports` takes away is not drawn.
- hypothesis is an extra. Where it is missing, importing this module raises MissingHypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from convbench.errors import UsageError
from convbench_specs import (
    Axis,
    Case,
    Conv,
    DType,
    Flatten,
    Operation,
    Padding,
    PaddingMode,
    Pool,
    Supports,
    same_padding,
)


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
EVERYTHING = Supports()
LARGE_WINDOWS = ((2116,), (46, 46), (3, 700))
"""Windows of more than 2,049 elements: where sums and counts of 16 bits end."""
MORE_CHANNELS = (7, 8, 9, 16, 17, 33)
"""Beside 1 to 4 a group: around the widths of vectors and blocks, where kernels have tails."""


def cases(
    dtypes: Sequence[DType] = ("float32", "float64"),
    *,
    supports: Supports = EVERYTHING,
    max_extra_size: int = 8,
    max_multiply_adds: int = 20_000,
) -> SearchStrategy[Case]:
    """Any case that `supports` allows: a convolution more often than a pool, a pool more often than a flatten.

    Those of `dtypes` are drawn that it allows, or all of them where it allows none. `max_extra_size` is how much longer
    than it must be an axis gets; `max_multiply_adds` bounds an instance's forward pass by its channels.
    """
    limits = _Limits(supports, max_extra_size, max_multiply_adds)
    weighted = {"conv": (_convolution,) * 5, "pool": (_pool,) * 4, "flatten": (_flatten,)}
    operations = st.sampled_from([each for name in weighted if name in supports.operations for each in weighted[name]])
    return _case(operations, limits, [dtype for dtype in dtypes if dtype in supports.dtypes] or dtypes)


def plain_cases(dtypes: Sequence[DType] = ("float32", "float64")) -> SearchStrategy[Case]:
    """What a small library computes: square planes and windows, the same padding all round, one group, no dilation."""
    return _plain_case(dtypes)


def batch_sizes(least: int = 1, most: int = 5) -> SearchStrategy[int]:
    """How many instances."""
    return st.integers(least, most)


class _Limits:
    """What is drawn, and how large it gets."""

    def __init__(self, supports: Supports, extra: int, multiply_adds: int) -> None:
        self.supports = supports
        self.extra = st.integers(0, extra)
        self._multiply_adds = multiply_adds

    def channels(self, taps_and_places: int) -> SearchStrategy[int]:
        """Channels, each of which costs so many multiply-adds."""
        most = max(1, self._multiply_adds // taps_and_places)
        allowed = [count for count in (1, 2, 3, 4, *MORE_CHANNELS) if count <= most]
        return st.sampled_from(allowed)


@st.composite
def _case(draw: DrawFn, operations: SearchStrategy[Any], limits: _Limits, dtypes: Sequence[DType]) -> Case:
    operation, shape = draw(draw(operations)(limits))
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
    pool = Pool(
        kind=draw(st.sampled_from(EVERYTHING.pool_kinds)),
        kernel_size=window,
        stride=draw(st.sampled_from([window, (stride, stride)])),
    )
    operations: tuple[Operation, ...] = (conv, pool, Flatten())
    operation = draw(st.sampled_from(operations))
    name = f"{type(operation).__name__.lower()}1"
    shape = (channels, size, size)
    return Case(name=name, operation=operation, input_shape=shape, dtype=draw(st.sampled_from(list(dtypes))))


@st.composite
def _convolution(draw: DrawFn, limits: _Limits) -> tuple[Operation, tuple[int, ...]]:
    axes, padding = draw(_axes(limits, for_pool=False))
    work = prod(axis.output * axis.kernel for axis in axes)
    able = limits.supports
    kind = draw(st.sampled_from(["plain", "plain", "groups", "depthwise"])) if able.groups else "plain"
    modes: list[PaddingMode] = ["zeros", "zeros", "edge"] if able.edge_padding else ["zeros"]
    groups = 1 if kind == "plain" else draw(st.sampled_from([2, 3, 5]))
    filters = draw(limits.channels(work * groups))
    channels = 1 if kind == "depthwise" else draw(limits.channels(work * groups * filters))
    operation = Conv(
        in_channels=groups * channels,
        out_channels=groups * filters,
        kernel_size=tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        padding=padding,
        dilation=tuple(axis.dilation for axis in axes),
        groups=groups,
        bias=draw(st.booleans()) if able.no_bias else True,
        padding_mode=draw(st.sampled_from(modes)),
    )
    return operation, (operation.in_channels, *(axis.size for axis in axes))


@st.composite
def _pool(draw: DrawFn, limits: _Limits) -> tuple[Operation, tuple[int, ...]]:
    able = limits.supports
    kind = draw(st.sampled_from(able.pool_kinds))
    windows = ["space"] * 3 + ["global"] * able.global_pools + ["channels"] * able.channel_pools
    window = draw(st.sampled_from(windows))
    if window == "global" and able.rectangles and able.ranks == EVERYTHING.ranks and draw(st.booleans()):
        kernel = draw(st.sampled_from(LARGE_WINDOWS))
        rows = kernel[0] * draw(st.integers(1, 2))
        operation = Pool(kind=kind, kernel_size="global" if draw(st.booleans()) else kernel)
        return operation, (draw(st.integers(1, 3)), rows, *kernel[1:])
    if window != "space":
        spatial = draw(_spatial(limits))
        count = st.sampled_from([1, 2, 3, 4, 7, 17])
        if window == "global":
            return Pool(kind=kind, kernel_size="global"), (draw(count), *spatial)
        group = draw(st.integers(1, 4))
        return Pool(kind=kind, kernel_size=(group,), over="channels"), (group - 1 + draw(count), *spatial)
    axes, padding = draw(_axes(limits, for_pool=True))
    operation = Pool(
        kind=kind,
        kernel_size=tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        padding=padding,
        dilation=tuple(axis.dilation for axis in axes),
        ceil_mode=axes[0].ceil_mode,
        count_include_pad=draw(st.sampled_from([True, False])) if able.uncounted_padding else True,
    )
    channels = draw(limits.channels(prod(axis.output * axis.kernel for axis in axes)))
    return operation, (channels, *(axis.size for axis in axes))


@st.composite
def _flatten(draw: DrawFn, limits: _Limits) -> tuple[Operation, tuple[int, ...]]:
    spatial = draw(_spatial(limits))
    flatten = Flatten(order=draw(st.sampled_from(limits.supports.flatten_orders)))
    return flatten, (draw(limits.channels(1)), *spatial)


@st.composite
def _spatial(draw: DrawFn, limits: _Limits) -> tuple[int, ...]:
    rank = draw(st.sampled_from(limits.supports.ranks))
    if not limits.supports.rectangles:
        return (1 + draw(limits.extra),) * rank
    return tuple(1 + draw(limits.extra) for _ in range(rank))


@st.composite
def _axes(draw: DrawFn, limits: _Limits, *, for_pool: bool) -> tuple[tuple[Axis, ...], Padding]:
    """The axes of a window, and the padding as an operation states it."""
    able = limits.supports
    rank = draw(st.sampled_from(able.ranks))
    name = draw(st.sampled_from(_paddings(able, for_pool=for_pool)))
    ceil_mode = for_pool and able.ceil_mode and draw(st.booleans())
    if able.rectangles:
        axes = [draw(_axis(limits, name, for_pool=for_pool, ceil_mode=ceil_mode)) for _ in range(rank)]
    else:
        axes = [draw(_axis(limits, name, for_pool=for_pool, ceil_mode=ceil_mode))] * rank
    if name in ("valid", "same"):
        return tuple(axes), "valid" if name == "valid" else "same"
    return tuple(axes), tuple((axis.before, axis.after) for axis in axes)


def _paddings(able: Supports, *, for_pool: bool) -> list[str]:
    """The ways to pad that there are, the simplest first."""
    names = ["valid", "same", "both sides", "each side", *([] if for_pool else [BEYOND])]
    if not able.padding or (for_pool and not able.pool_padding):
        return ["valid"]
    return names if able.asymmetric_padding else ["valid", "both sides"]  # "same" may put more at the end


@st.composite
def _axis(draw: DrawFn, limits: _Limits, name: str, *, for_pool: bool, ceil_mode: bool) -> Axis:
    able = limits.supports
    kernel = draw(st.integers(1, LARGEST_KERNEL))
    # padding beyond the kernel is a fault of frameworks where nothing else is special
    stride = draw(st.sampled_from([1, 1, 1, 2]) if name == BEYOND else st.integers(1, LARGEST_STRIDE))
    if for_pool and not able.overlapping_pools:
        stride = kernel
    dilation = draw(st.sampled_from([1, 1, *range(2, LARGEST_DILATION + 1)])) if able.dilation else 1
    before, after = draw(_sides(name, kernel, dilation, for_pool=for_pool))
    axis = Axis(
        size=1, kernel=kernel, stride=stride, dilation=dilation, before=before, after=after, ceil_mode=ceil_mode
    )
    size = _least_size(axis, name, for_pool=for_pool)
    if name != BEYOND or draw(st.booleans()):  # else as short as the kernel and its padding allow: one place
        size += draw(limits.extra)
    if name == "same":
        before, after = same_padding(size, kernel, stride, dilation)
    return replace(axis, size=size, before=before, after=after)


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
