"""Mistakes in where windows lie: padding, stride, dilation, and what becomes of their overlaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from convbench.verify.explain.altered import Window, computed, has_windows, rewindowed
from convbench.verify.explain.pools import first_largest
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench.verify.reference.pooling import divisors
from convbench.verify.reference.windows import fold, pad, tap_places
from convbench_specs import Axis, Conv, Pool

Change = Callable[[Axis], Window]


def window_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """What may have gone wrong with the windows."""
    if problem.tensor == "db" or not has_windows(problem.case):
        return
    yield from _steps(problem)
    yield from _paddings(problem)
    if isinstance(problem.case.operation, Conv):
        yield from _modes(problem, problem.case.operation)
    if problem.tensor == "dx":
        yield from _overlaps(problem)


def _steps(problem: Problem) -> Iterator[Hypothesis]:
    """Strides and dilations."""
    axes = problem.case.axes
    if len(axes) == 2:
        rows, columns = axes
        strides = ((columns.stride, rows.dilation, rows.before), (rows.stride, columns.dilation, columns.before))
        dilations = ((rows.stride, columns.dilation, rows.before), (columns.stride, rows.dilation, columns.before))
        befores = ((rows.stride, rows.dilation, columns.before), (columns.stride, columns.dilation, rows.before))
        for name, what, windows in (
            ("stride_axes_swapped", "strides", strides),
            ("dilation_axes_swapped", "dilations", dilations),
            ("padding_axes_swapped", "paddings before the input", befores),
        ):
            sentence = f"the {what} of rows and columns are exchanged"
            yield from _elsewhere(problem, name, sentence, windows)
    yield from _along(problem, "dilation_ignored", "the dilation{} is ignored", lambda a: (a.stride, 1, a.before))
    yield from _along(problem, "stride_ignored", "the stride{} is ignored", lambda a: (1, a.dilation, a.before))


def _paddings(problem: Problem) -> Iterator[Hypothesis]:
    """How the padding is shared out between both sides."""
    before = "of padding before the input{}"
    changes: tuple[tuple[str, str, Change], ...] = (
        ("padding_sides_swapped", "padding before and behind{} is exchanged", _padded(lambda a: a.after)),
        ("padding_all_behind", "all padding{} is behind the input, none before", _padded(lambda _: 0)),
        ("padding_all_before", "all padding{} is before the input", _padded(lambda a: a.before + a.after)),
        ("padding_off_by_one", f"there is one place too much {before}", _padded(lambda a: a.before + 1)),
        ("padding_off_by_one", f"there is one place too little {before}", _padded(lambda a: max(0, a.before - 1))),
    )
    for name, sentence, change in changes:
        yield from _along(problem, name, sentence, change)


def _padded(before: Callable[[Axis], int]) -> Change:
    return lambda axis: (axis.stride, axis.dilation, before(axis))


def _along(problem: Problem, name: str, sentence: str, change: Change) -> Iterator[Hypothesis]:
    """A hypothesis for a change along all axes, and for one along each of two."""
    axes = problem.case.axes
    same = [(axis.stride, axis.dilation, axis.before) for axis in axes]
    changed = [change(axis) for axis in axes]
    variants = [("", changed)]
    if len(axes) == 2 and all(one != other for one, other in zip(changed, same, strict=True)):
        variants += [(" of rows", [changed[0], same[1]]), (" of columns", [same[0], changed[1]])]
    for where, windows in variants:
        yield from _elsewhere(problem, name, sentence.format(where), tuple(windows))


def _elsewhere(problem: Problem, name: str, sentence: str, windows: tuple[Window, ...]) -> Iterator[Hypothesis]:
    """A hypothesis for other windows; of an average also one where only the divisor is that of the right ones."""
    yield Hypothesis(name=name, sentence=sentence, predict=partial(rewindowed, problem, windows))
    if isinstance(problem.case.operation, Pool) and problem.case.operation.kind == "average":
        sentence = f"{sentence}, but not for the divisor"
        predict = partial(rewindowed, problem, windows, divisor=divisors(problem.case))
        yield Hypothesis(name=name, sentence=sentence, predict=predict)


def _modes(problem: Problem, operation: Conv) -> Iterator[Hypothesis]:
    """What the padding holds."""
    case = problem.case
    if not any(axis.before or axis.behind for axis in case.axes):
        return

    def in_mode(mode: Any) -> Array:
        return computed(problem, case=replace(case, operation=replace(operation, padding_mode=mode)))

    def reflected() -> Array | None:
        behind = [(axis.before, axis.after) for axis in case.axes]
        if problem.tensor == "dx" or any(max(p) >= a.size for p, a in zip(behind, case.axes, strict=True)):
            return None
        padded = np.pad(problem.tensors.x, [(0, 0), (0, 0), *behind], mode="reflect")
        plain = replace(operation, padding="valid", padding_mode="zeros")
        other = replace(case, operation=plain, input_shape=padded.shape[1:], x_data="random")
        return computed(problem, case=other, x=padded)

    if operation.padding_mode == "edge" and problem.tensor == "dx":
        plain = replace(problem, case=replace(case, operation=replace(operation, padding_mode="zeros")))
        yield Hypothesis(
            name="padding_all_behind",
            sentence="dx is cut from the padded gradient at its very start, not behind the padding",
            predict=partial(rewindowed, plain, tuple((axis.stride, axis.dilation, 0) for axis in case.axes)),
        )
    if operation.padding_mode == "edge":
        sentence = "padding with the border is taken for padding with zeros"
        if problem.tensor == "dx":
            sentence = "what reaches the padding is not added to the border that it repeats"
        yield Hypothesis(name="edge_padding_is_zeros", sentence=sentence, predict=partial(in_mode, "zeros"))
    else:
        sentence = "padding repeats the border where it must be zeros"
        yield Hypothesis(name="zero_padding_is_edge", sentence=sentence, predict=partial(in_mode, "edge"))
    yield Hypothesis(name="padding_reflects", sentence="padding mirrors the input", predict=reflected)


def _overlaps(problem: Problem) -> Iterator[Hypothesis]:
    """Gradients of windows that overlap must be added up."""
    for which, step in (("last", 1), ("first", -1)):
        yield Hypothesis(
            name="overlaps_overwritten",
            sentence=f"where windows overlap dx keeps the {which} contribution, not the sum",
            predict=partial(_overwritten, problem, step),
        )


def _overwritten(problem: Problem, step: int) -> Array:
    """Dx where each tap, in turn or in reverse, overwrites what others have put there."""
    case, operation = problem.case, problem.case.operation
    mode = operation.padding_mode if isinstance(operation, Conv) else "zeros"
    padded = pad(np.zeros(problem.right.shape), case.axes, "zeros", 0.0, np.float64)
    places = tap_places(case.axes)
    for number in range(len(places))[::step]:
        padded[places[number]] = _share(problem, number)
    return fold(padded, case.axes, mode)


def _share(problem: Problem, tap: int) -> Array:
    """What a tap adds to dx, over all windows."""
    operation, dy = problem.case.operation, problem.tensors.dy.astype(np.float64)
    if isinstance(operation, Pool) and operation.kind == "max":
        return np.where(first_largest(problem) == tap, dy, 0.0)
    if not isinstance(operation, Conv):
        return dy / divisors(problem.case)
    w = problem.tensors.w
    assert w is not None
    groups, places = operation.groups, dy.shape[2:]
    weights = w.reshape(groups, -1, *w.shape[1:2], int(np.prod(w.shape[2:])))[..., tap].astype(np.float64)
    grouped = dy.reshape(len(dy), groups, dy.shape[1] // groups, -1)
    share: Array = np.einsum("ngkp,gkc->ngcp", grouped, weights).reshape(len(dy), -1, *places)
    return share
