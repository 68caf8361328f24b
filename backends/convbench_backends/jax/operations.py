"""Every operation of the spec as a JAX function of (x, w, b), channels last or first.

- reduce_window pools along any axes, channels too, with any padding; XLA has no average and no ceil mode, so sums are
  divided and the padding reaches as far as the last window.
- The gradient of a maximum picks the first of equal elements; jnp.max would share it between them, so a global maximum
  is a window too. It does not exist with dilation: there the maximum runs over shifted slices.
- The start value of a maximum must be the literal -inf, or its gradient cannot be derived.
- A kernel of 2 with stride 2 that begins in the padding is padded first, for XLA may abort on its gradient. So is
  padding in which a whole window fits: dx's convolution would need negative padding, of which XLA on a CPU makes wrong
  values.
- reduce_window adds up in the dtype of x; large windows of 16 bits are summed in float32, or the sum stops growing.
- A bias is added in float32 at least: y is the same, but db is then summed in float32 too. In bfloat16, where 256 + 1
  is 256, a sum cannot count far.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from convbench_backends.jax.layout import Layout
from convbench_backends.shared.taps import divisors, fold_taps, needs_wide_sums
from convbench_specs import Axis, Case, Conv, Flatten, Pool

Function = Callable[..., Any]
"""From (x, w, b), as far as the case has them, to y."""


def function_of(case: Case, layout: Layout) -> tuple[Function, str]:
    """The function that computes y, to be compiled, and what it calls."""
    operation = case.operation
    if isinstance(operation, Flatten):
        return _flatten(operation, layout)
    if isinstance(operation, Conv):
        return _convolution(operation, case.axes, layout)
    if operation.kind == "max":
        return _max_pool(layout.window_axes(case))
    return _average_pool(case, operation, layout)


def _flatten(operation: Flatten, layout: Layout) -> tuple[Function, str]:
    if (operation.order == "channels_last") == layout.is_channels_last:
        return _rows, "reshape"
    channels = (-1, 1) if layout.is_channels_last else (1, -1)
    return (lambda x: _rows(jnp.moveaxis(x, *channels))), "transpose + reshape"


def _rows(x: Any) -> Any:
    # reshape(N, -1) divides by zero for an empty batch
    return x.reshape(x.shape[0], int(np.prod(x.shape[1:])))


def _convolution(operation: Conv, axes: tuple[Axis, ...], layout: Layout) -> tuple[Function, str]:
    padding = [(axis.before, axis.behind) for axis in axes]
    edges, mode = None, "edge" if operation.padding_mode == "edge" else "constant"
    if mode == "edge" or any(_is_misread(axis) or _holds_a_window(axis) for axis in axes):
        edges, padding = layout.on_places(padding), [(0, 0)] * len(axes)

    def convolution(x: Any, w: Any, b: Any = None) -> Any:
        y = lax.conv_general_dilated(
            x if edges is None else jnp.pad(x, edges, mode=mode),
            w,
            window_strides=operation.stride,
            padding=padding,
            rhs_dilation=operation.dilation,
            dimension_numbers=layout.dimension_numbers(len(axes)),
            feature_group_count=operation.groups,
        )
        if b is None:
            return y
        wide = jnp.promote_types(y.dtype, jnp.float32)
        return (y.astype(wide) + layout.by_channel(b.astype(wide), len(axes))).astype(y.dtype)

    return convolution, "conv_general_dilated" if edges is None else "pad + conv_general_dilated"


def _is_misread(axis: Axis) -> bool:
    """Whether XLA's simplifier may take this axis of dx's convolution for one of groups, and abort the process."""
    return (axis.kernel, axis.stride, axis.dilation, axis.before) == (2, 2, 1, 1)


def _holds_a_window(axis: Axis) -> bool:
    """Whether a whole window fits into the padding of one side."""
    return max(axis.before, axis.behind) >= axis.extent


def _max_pool(axes: list[tuple[int, Axis]]) -> tuple[Function, str]:
    if any(axis.dilation > 1 for _, axis in axes):
        return _dilated_max(axes)

    def pool(x: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, **_window(axes, x.ndim))

    return pool, "reduce_window"


def _dilated_max(axes: list[tuple[int, Axis]]) -> tuple[Function, str]:
    """jnp.where hands the gradient to the side that it took: the first of equal taps, as <= says, or the first NaN."""

    def pool(x: Any) -> Any:
        padded = jnp.pad(x, _padding(axes, x.ndim), constant_values=-jnp.inf)
        return fold_taps(padded, axes, lambda a, b: jnp.where((b <= a) | jnp.isnan(a), a, b))

    return pool, "maximum of shifted slices"


def _average_pool(case: Case, operation: Pool, layout: Layout) -> tuple[Function, str]:
    axes = layout.window_axes(case)
    if operation.kernel_size == "global":
        dimensions = tuple(dimension for dimension, _ in axes)
        return (lambda x: jnp.mean(x, dimensions, keepdims=True)), "mean"
    counts, is_wide = layout.by_place(divisors(case)), needs_wide_sums(case)

    def pool(x: Any) -> Any:
        summed = x.astype(jnp.float32) if is_wide else x
        total = lax.reduce_window(summed, 0.0, lax.add, **_window(axes, x.ndim))
        return (total / jnp.asarray(counts, total.dtype)).astype(x.dtype)

    return pool, "reduce_window / divisor" + (" in float32" if is_wide else "")


def _window(axes: list[tuple[int, Axis]], dimensions: int) -> dict[str, Any]:
    by_dimension = dict(axes)
    every = [by_dimension.get(dimension, Axis(size=1, kernel=1)) for dimension in range(dimensions)]
    return {
        "window_dimensions": [axis.kernel for axis in every],
        "window_strides": [axis.stride for axis in every],
        "window_dilation": [axis.dilation for axis in every],
        "padding": _padding(axes, dimensions),
    }


def _padding(axes: list[tuple[int, Axis]], dimensions: int) -> list[tuple[int, int]]:
    amounts = {dimension: (axis.before, axis.behind) for dimension, axis in axes}
    return [amounts.get(dimension, (0, 0)) for dimension in range(dimensions)]
