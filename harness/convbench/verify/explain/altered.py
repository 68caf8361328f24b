"""The reference on an altered case or altered tensors: what a mistaken implementation would compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convbench.verify.explain.problem import Array, Problem
from convbench.verify.reference.full import oracle
from convbench.verify.reference.pooling import divisors
from convbench_specs import Axis, Case, Conv, Flatten, Pool, SpecError, Tensors

Window = tuple[int, int, int]
"""Stride, dilation and padding before, along one axis."""


def computed(
    problem: Problem,
    *,
    case: Case | None = None,
    x: Array | None = None,
    dy: Array | None = None,
    w: Array | None = None,
) -> Array:
    """The result of the problem's tensor with some things exchanged."""
    given = problem.tensors
    tensors = Tensors(
        x=given.x if x is None else x,
        dy=given.dy if dy is None else dy,
        w=given.w if w is None else w,
        b=given.b,
    )
    return oracle(case or problem.case, tensors).values(problem.tensor)


def has_windows(case: Case) -> bool:
    """Whether windows slide over space, so that their stride, dilation and padding could be mistaken."""
    operation = case.operation
    if isinstance(operation, Pool):
        return operation.over == "space" and operation.kernel_size != "global"
    return isinstance(operation, Conv)


def rewindowed(problem: Problem, windows: tuple[Window, ...], divisor: Array | None = None) -> Array | None:
    """The result with other windows: as many as there should be, but each elsewhere. None where no case is like that.

    There is always enough padding behind for the last window. An average divides by the `divisor`, where it is given.
    """
    case = problem.case
    if not has_windows(case) or windows == tuple((a.stride, a.dilation, a.before) for a in case.axes):
        return None
    behind = [_behind(axis, *window) for axis, window in zip(case.axes, windows, strict=True)]
    operation = case.operation
    assert not isinstance(operation, Flatten)
    other = replace(
        operation,
        stride=tuple(stride for stride, _, _ in windows),
        dilation=tuple(dilation for _, dilation, _ in windows),
        padding=tuple((before, after) for (_, _, before), after in zip(windows, behind, strict=True)),
    )
    if isinstance(other, Pool):
        other = replace(other, ceil_mode=False)
    try:
        changed = replace(case, operation=other)
    except SpecError:
        return None
    dy = _fitted(problem.tensors.dy, changed.y_shape(problem.batch_size))
    ratio = np.ones(()) if divisor is None else divisors(changed) / _fitted(divisor, divisors(changed).shape, 1.0)
    result = computed(problem, case=changed, dy=dy * ratio)
    return _fitted(result * ratio, problem.right.shape) if problem.tensor == "y" else result


def _behind(axis: Axis, stride: int, dilation: int, before: int) -> int:
    """The padding behind that the last window needs."""
    return max(0, (axis.output - 1) * stride + (axis.kernel - 1) * dilation + 1 - axis.size - before)


def _fitted(values: Array, shape: tuple[int, ...], fill: float = 0.0) -> Array:
    """The values cut to a shape, filled up where they do not reach."""
    fitted = np.full(shape, fill, values.dtype)
    common = tuple(slice(min(have, want)) for have, want in zip(values.shape, shape, strict=True))
    fitted[common] = values[common]
    return fitted
