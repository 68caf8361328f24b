# ruff: noqa: PLR0917  # what describes a convolution has no order of importance
"""Winograd's F(2 x 2, 3 x 3), convolution and gradients: the buffers of their kernels.

What comes out not finite is computed again without tiles: Winograd's sums spread NaN and infinity over a tile, and
overflow before the right ones do. The kernels tell it by a trace of what they write, at next to no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from convbench_backends.numba_cpu.compiler.jit import run_for, shares
from convbench_backends.numba_cpu.convolution.common import Single, has_nan, multiply_add_ns
from convbench_backends.numba_cpu.convolution.flat.level import FlatConvolution
from convbench_backends.numba_cpu.convolution.readable.level import WeightGradient
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS
from convbench_backends.numba_cpu.convolution.winograd import forward, weight_gradient
from convbench_backends.numba_cpu.convolution.winograd.plan import PRODUCTS, make_gradient_plan, make_winograd_plan
from convbench_backends.numba_cpu.geometry import Array, ConvShape, Index
from convbench_backends.shared import aligned
from convbench_backends.shared.outputs import Output
from convbench_specs import Axis

_PER_OUTPUT = PRODUCTS // 4
"""Multiply-adds of an output and channel."""
_TRANSFORMED_NS = 2.0
"""About what the transform of the nine weights of a channel and filter takes."""


class WinogradConvolution:
    """One 3 x 3 convolution along `axes`; `steps` says how its weights lie in w, see forward.transform_weights.

    `without_tiles` makes the convolution that computes the same where this one's result is not finite.
    """

    def __init__(
        self, axes: tuple[Axis, Axis], channels: int, filters: int, steps: Index, batch: int, dtype: np.dtype[Any],
        threads: int, without_tiles: Callable[[], Single],
    ) -> None:  # fmt: skip
        plan = make_winograd_plan(
            axes, batch=batch, channels=channels, filters=filters, itemsize=dtype.itemsize, threads=threads
        )
        self._tasks, self._tables, self._steps = plan.tasks, plan.tables, steps
        products = multiply_add_ns(batch * channels * filters * axes[0].output * axes[1].output * _PER_OUTPUT, dtype)
        self._convolve = run_for(products, forward.convolve)
        self._shares = shares(_TRANSFORMED_NS * channels * filters, threads)
        self._u = aligned.empty(PRODUCTS * plan.blocks * plan.weight_pitch, dtype)
        self._zeros = np.zeros(max(FILTERS, filters), dtype)
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._output = Output((batch, filters, axes[0].output, axes[1].output), dtype)
        self._traces, self._without_tiles = np.zeros(threads, dtype), cache(without_tiles)

    @classmethod
    def forward(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> WinogradConvolution:
        """Y from x."""
        axes, steps = (shape.vertical, shape.horizontal), np.array([0, 9 * shape.in_channels, 9, 1])
        plain = partial(FlatConvolution.forward, shape, dtype, threads)
        return cls(axes, shape.in_channels, shape.out_channels, steps, shape.batch, dtype, threads, plain)

    @classmethod
    def gradient(cls, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> WinogradConvolution:
        """Dx from dy: a convolution with the weights transposed and reversed, padded to give the size of x."""
        back = [
            replace(axis, size=axis.output, before=2 - axis.before, after=_behind(axis))
            for axis in (shape.vertical, shape.horizontal)
        ]
        reverse = np.array([8, 9, 9 * shape.in_channels, -1])
        plain = partial(FlatConvolution.gradient, shape, dtype, threads)
        return cls(
            (back[0], back[1]), shape.out_channels, shape.in_channels, reverse, shape.batch, dtype, threads, plain
        )  # fmt: skip

    def __call__(self, source: Array, w: Array, b: Array | None) -> Array:
        """The target; everything is flat."""
        forward.transform_weights(self._shares, w, self._tables[0], self._steps, self._u)
        target, biases = self._output.take(), self._zeros if b is None else b
        self._traces.fill(0)
        self._convolve(
            self._tasks, source, self._u, biases, *self._tables, self._zeros, self._work, target, self._traces
        )  # fmt: skip
        return self._without_tiles()(source, w, b) if has_nan(self._traces) else target


class WinogradWeightGradients:
    """dw and db: shares of the batch, a thread each."""

    def __init__(self, shape: ConvShape, dtype: np.dtype[Any], threads: int) -> None:
        plan = make_gradient_plan(shape, itemsize=dtype.itemsize, threads=threads)
        self._plan = plan.table
        self._work = aligned.zeros((threads, plan.work_size), dtype)
        self._m = aligned.empty((threads, PRODUCTS * plan.m_step), dtype)
        self._biases = np.empty((threads, shape.out_channels), dtype)
        products = multiply_add_ns(prod(shape.y) * shape.in_channels * _PER_OUTPUT, dtype)
        self._add_images = run_for(products, weight_gradient.add_images)
        self._shares = shares(_TRANSFORMED_NS * shape.in_channels * shape.out_channels, threads)
        self._dw = Output(shape.w, dtype)
        self._traces = np.zeros(threads, dtype)
        self._without_tiles = cache(partial(WeightGradient, shape, dtype, threads))

    def __call__(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """(dw, db), flat."""
        self._add_images(len(self._work), x, dy, self._plan, self._work, self._m, self._biases)
        dw = self._dw.take()
        self._traces.fill(0)
        weight_gradient.finish(self._shares, self._m, self._plan, dw, self._traces)
        if has_nan(self._traces):
            return self._without_tiles()(x, dy)
        return dw, self._biases.sum(axis=0)


def _behind(axis: Axis) -> int:
    """Padding behind dy with which a kernel of 3 gives the size of x."""
    return axis.size + axis.before - axis.output
