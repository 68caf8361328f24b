"""Mistakes in what a convolution multiplies: the kernel, channels, groups, bias."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from convbench.verify.explain.altered import computed
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench_specs import Conv

BLOCKS = (4, 8, 16, 32, 64)
"""Sizes of the blocks that kernels take channels in."""


def kernel_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """What may have gone wrong with the kernel and what it is multiplied by."""
    operation = problem.case.operation
    if not isinstance(operation, Conv) or problem.tensor == "db":
        return
    yield from _orders(problem, operation)
    if problem.tensor in ("y", "dx"):
        yield from _left_out(problem, operation)
    yield from _channels(problem, operation)
    if problem.tensor == "y" and problem.tensors.b is not None:
        yield from _biases(problem, problem.tensors.b)


def _orders(problem: Problem, operation: Conv) -> Iterator[Hypothesis]:
    name, taps = problem.tensor, tuple(range(2, 2 + operation.rank))
    flipped = {
        "y": "the kernel is flipped: y is a true convolution, not the cross-correlation that it should be",
        "dx": "the kernel is not flipped: dx correlates dy with it where it must convolve",
        "dw": "dw comes with its taps in reverse, as the gradient of a flipped kernel",
    }
    yield _of_weights(problem, f"kernel_{'not_' * (name == 'dx')}flipped", flipped[name], partial(np.flip, axis=taps))
    if operation.rank == 2:
        if operation.kernel_size[0] == operation.kernel_size[1]:
            turned = partial(np.swapaxes, axis1=2, axis2=3)
            yield _of_weights(problem, "kernel_transposed", "rows and columns of the kernel are exchanged", turned)
        for axis, what in ((2, "rows"), (3, "columns")):
            sentence = f"the {what} of the kernel are in reverse"
            yield _of_weights(problem, "kernel_axis_flipped", sentence, partial(np.flip, axis=axis))
    filters, channels = operation.w_shape[:2]
    if filters == channels > 1:
        sentence = "filters and channels of the weights are exchanged"
        yield _of_weights(problem, "filters_and_channels_exchanged", sentence, partial(np.swapaxes, axis1=0, axis2=1))


def _of_weights(problem: Problem, name: str, sentence: str, change: partial[Array]) -> Hypothesis:
    """A hypothesis that the weights are changed, or for dw that the change is made to the result."""

    def predict() -> Array:
        assert problem.tensors.w is not None
        if problem.tensor == "dw":
            return change(problem.right)
        return computed(problem, w=change(problem.tensors.w))

    return Hypothesis(name=name, sentence=sentence, predict=predict)


def _left_out(problem: Problem, operation: Conv) -> Iterator[Hypothesis]:
    """Weights that the loops do not reach: taps, and the channels or filters that are summed up."""
    w = problem.tensors.w
    assert w is not None
    taps = w.reshape(*w.shape[:2], -1)

    def without(part: tuple[slice | int, ...], *, flat: bool = False) -> Array:
        changed = w.copy()
        (changed.reshape(taps.shape) if flat else changed)[part] = 0
        return computed(problem, w=changed)

    everything = slice(None)
    if taps.shape[2] > 1:
        for number, which in ((-1, "last"), (0, "first")):
            sentence = f"the {which} tap of the kernel is left out of the sum"
            leave = partial(without, (everything, everything, number), flat=True)
            yield Hypothesis(name=f"{which}_tap_missing", sentence=sentence, predict=leave)
        for dim, along in enumerate(("row", "column") if operation.rank == 2 else ()):
            for number, which in ((-1, "last"), (0, "first")):
                leave = partial(without, (everything, everything, *[everything] * dim, number))
                sentence = f"the {which} {along} of the kernel is left out of the sum"
                yield Hypothesis(name=f"{which}_kernel_{along}_missing", sentence=sentence, predict=leave)
    yield from _tail_left_out(problem, operation)


def _tail_left_out(problem: Problem, operation: Conv) -> Iterator[Hypothesis]:
    """Channels of y's sums, or filters of dx's, that the loops do not reach."""
    given = problem.tensors
    name, what, values = ("x", "channel", given.x) if problem.tensor == "y" else ("dy", "filter", given.dy)
    count = values.shape[1]
    groups = values.reshape(len(values), operation.groups, count // operation.groups, *values.shape[2:])

    def without(part: slice | int, *, of_groups: bool = False) -> Array:
        changed = groups.copy()
        (changed if of_groups else changed.reshape(values.shape)[:, None])[:, :, part] = 0
        changed = changed.reshape(values.shape)
        return computed(problem, x=changed) if name == "x" else computed(problem, dy=changed)

    for number, which in ((-1, "last"), (0, "first")):
        sentence = f"the {which} {what} is left out of the sum"
        yield Hypothesis(name=f"{which}_{what}_missing", sentence=sentence, predict=partial(without, number))
        if 1 < operation.groups < count:
            leave = partial(without, number, of_groups=True)
            sentence = f"the {which} {what} of each group is left out of the sum"
            yield Hypothesis(name=f"{which}_{what}_missing", sentence=sentence, predict=leave)
    for block in BLOCKS:
        if count % block > 1 and count > block:
            leave = partial(without, slice(count // block * block, None))
            sentence = f"the last {count % block} {what}s, which fill no block of {block}, are left out of the sum"
            yield Hypothesis(name="block_tail_missing", sentence=sentence, predict=leave)


def _channels(problem: Problem, operation: Conv) -> Iterator[Hypothesis]:
    """Channels, or filters, that are taken for others."""
    groups, channels, filters = operation.groups, operation.in_channels, operation.out_channels
    numbers = np.arange(channels)
    if channels > 1:
        sentence = "the channels of the input are taken in reverse, as BGR for RGB"
        yield _of_channels(problem, "channels_reversed", sentence, numbers[::-1])
    if groups == 1:
        return
    for step, which in ((-1, "next"), (1, "previous")):
        order = np.roll(numbers, step * channels // groups)
        sentence = f"each group of filters reads the channels of the {which} group"
        yield _of_channels(problem, "groups_crossed", sentence, order)
    if channels > groups:
        sentence = "channel c is taken for one of group c % groups, not of c // (channels / groups)"
        order = numbers.reshape(-1, groups).T.ravel()
        yield _of_channels(problem, "channels_interleaved", sentence, order)
        yield _of_channels(problem, "channels_interleaved", sentence, np.argsort(order))
    if filters > groups:
        sentence = "filter k is taken for one of group k % groups, not of k // (filters / groups)"
        order = np.arange(filters).reshape(-1, groups).T.ravel()
        yield _of_filters(problem, "filters_interleaved", sentence, order)


def _of_channels(problem: Problem, name: str, sentence: str, order: Array) -> Hypothesis:
    """A hypothesis that channels of x are read in another order."""

    def predict() -> Array:
        if problem.tensor == "dx":
            return problem.right[:, np.argsort(order)]
        return computed(problem, x=problem.tensors.x[:, order])

    return Hypothesis(name=name, sentence=sentence, predict=predict)


def _of_filters(problem: Problem, name: str, sentence: str, order: Array) -> Hypothesis:
    """A hypothesis that filters are put into groups in another order."""

    def predict() -> Array:
        w, b, dy = problem.tensors.w, problem.tensors.b, problem.tensors.dy
        assert w is not None
        result = computed(problem, w=w[order], dy=dy[:, order])
        if problem.tensor == "dx":
            return result
        there = np.argsort(order)
        if problem.tensor == "dw":
            return result[there]
        if b is not None:
            bias = b.reshape(-1, *(1,) * (result.ndim - 2)).astype(result.dtype)
            result = result - bias + bias[order]
        return result[:, there]

    return Hypothesis(name=name, sentence=sentence, predict=predict)


def _biases(problem: Problem, b: Array) -> Iterator[Hypothesis]:
    right, bias = problem.right, b.astype(np.float64).reshape(-1, *(1,) * len(problem.case.axes))
    yield Hypothesis(name="bias_missing", sentence="the bias is not added", predict=lambda: right - bias)
    yield Hypothesis(name="bias_twice", sentence="the bias is added twice", predict=lambda: right + bias)
    yield Hypothesis(name="bias_subtracted", sentence="the bias is subtracted", predict=lambda: right - 2 * bias)
    for dim in range(2, right.ndim):
        if right.shape[dim] == len(b):
            along = b.astype(np.float64).reshape(-1, *(1,) * (right.ndim - 1 - dim))
            what = "width" if dim == right.ndim - 1 else "height"
            yield Hypothesis(
                name="bias_along_another_axis",
                sentence=f"the bias is added along the {what}, not along the filters",
                predict=partial(np.add, right - bias, along),
            )
