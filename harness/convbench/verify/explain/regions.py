"""Parts of a result that were not computed, or are the only wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from convbench.verify.bounds.terms import terms_of
from convbench.verify.explain.altered import has_windows
from convbench.verify.explain.orders import axis_names
from convbench.verify.explain.problem import Array, Hypothesis, Problem

BLOCKS = (64, 32, 16, 8, 4)
"""Sizes of blocks whose tail may be forgotten, the largest first."""
Part = tuple[slice, ...]


def content_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """Parts that hold zeros, or only the bias, where nothing was computed."""
    name, right = problem.tensor, problem.right
    contents = [("zeros", np.zeros(()))]
    b = problem.tensors.b
    if name == "y" and b is not None:
        bias = b.astype(np.float64).reshape(-1, *(1,) * (right.ndim - 2))
        contents.append(("the bias only", bias))
    for part, label, where in _ends(problem):
        for what, values in contents:
            sentence = f"{where} of {name}: {what}, so not computed"
            yield Hypothesis(name=f"{label}_missing", sentence=sentence, predict=partial(_with, right, part, values))
    if name == "dw" and right[0, 0].size > 1:
        for number, which in ((-1, "last"), (0, "first")):
            sentence = f"the {which} tap of dw is zero: its weights get no gradient"
            yield Hypothesis(name=f"{which}_tap_missing", sentence=sentence, predict=partial(_tap, right, number))
    yield from _flat_tail(problem)


def nothing_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """Results of which nothing was computed."""
    name, right, b = problem.tensor, problem.right, problem.tensors.b
    nothing = np.zeros_like(right)
    yield Hypothesis(name="zeros", sentence=f"all of {name} is zero: it was not written", predict=lambda: nothing)
    if name == "y" and b is not None:
        bias = nothing + b.astype(np.float64).reshape(-1, *(1,) * (right.ndim - 2))
        yield Hypothesis(name="bias_only", sentence="y is nothing but the bias", predict=lambda: bias)


def _ends(problem: Problem) -> Iterator[tuple[Part, str, str]]:
    """The ends of an axis that hold all that is wrong: where, a name, and words for it."""
    if not problem.off.any():
        return
    for axis, (size, name) in enumerate(zip(problem.right.shape, axis_names(problem), strict=True)):
        others = tuple(dim for dim in range(problem.right.ndim) if dim != axis)
        wrong = np.flatnonzero(problem.off.any(axis=others))
        first, last = int(wrong[0]), int(wrong[-1])
        lead = (slice(None),) * axis
        if first > 0 and problem.right[(*lead, slice(0, first))].any():
            count = size - first
            block = next((b for b in BLOCKS if size > b and first == size // b * b), None)
            label = "block_tail" if block and count > 1 else f"last_{name}"
            tail = f", which fill no block of {block}," if block and count > 1 else ""
            yield (*lead, slice(first, None)), label, f"{_counted('last', count, name)}{tail}"
        if last < size - 1 and problem.right[(*lead, slice(last + 1, None))].any():
            yield (*lead, slice(0, last + 1)), f"first_{name}", _counted("first", last + 1, name)


def _counted(which: str, count: int, name: str) -> str:
    return f"the {which} {name}" if count == 1 else f"the {which} {count} {name}s"


def _with(right: Array, part: Part, values: Array) -> Array:
    """The right result with other values in a part of it."""
    other = right.copy()
    other[part] = np.broadcast_to(values, right.shape)[part]
    return other


def _tap(right: Array, number: int) -> Array:
    other = right.copy()
    other.reshape(*right.shape[:2], -1)[..., number] = 0
    return other


def _flat_tail(problem: Problem) -> Iterator[Hypothesis]:
    """The last elements in the order of memory."""
    wrong = np.flatnonzero(problem.off)
    if not problem.right.ravel()[: wrong[0]].any():
        return
    count = problem.right.size - int(wrong[0])
    other = problem.right.copy()
    other.reshape(-1)[-count:] = 0
    half = ", the second half of its memory," if count == (problem.right.size + 1) // 2 else ""
    sentence = f"the last {count:,} elements of {problem.tensor}{half} are zero: not computed"
    yield Hypothesis(name="tail_missing", sentence=sentence, predict=lambda: other)


def place_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """Where alone the result is wrong, whatever is there."""
    name, right = problem.tensor, problem.right
    yield from _neighbours(problem)
    lost = np.where(np.isfinite(problem.actual), right, np.nan)
    yield _only("not_finite", f"{name} is wrong only where it is NaN or infinite{_along(problem)}", lost)
    if name == "dx" and problem.case.axes:
        counts = np.broadcast_to(np.asarray(terms_of(problem.case, "dx", problem.batch_size)), right.shape)
        sentence = "dx is wrong only in places that no window reads, where it must be 0: it was not cleared"
        yield _only("unread_places_not_cleared", sentence, np.where(counts == 0, np.nan, right))
    wrong = np.flatnonzero(problem.off)
    count = right.size - int(wrong[0])
    if wrong[0] > 0 and wrong.size > count / 2 and count <= (right.size + 1) / 2:
        tail = right.copy()
        tail.reshape(-1)[-count:] = np.nan
        yield _only("tail_not_written", f"only the last {count:,} elements of {name} are wrong: not written", tail)
    for part, label, where in _ends(problem):
        inside = problem.off[part]
        if inside.size <= right.size / 2 and np.count_nonzero(inside) > inside.size / 2:
            yield _only(f"{label}_wrong", f"{name} is wrong only in {where}", _with(right, part, np.full((), np.nan)))
    if has_windows(problem.case) and name in ("y", "dx"):
        border = _on_border(problem)
        if not border.all():
            sentence = f"{name} is wrong only where windows reach the padding"
            yield _only("border_only", sentence, np.where(border, np.nan, right))


def _only(name: str, sentence: str, prediction: Array) -> Hypothesis:
    return Hypothesis(name=name, sentence=sentence, predict=lambda: prediction, only_says_where=True)


def _along(problem: Problem) -> str:
    """Where along an axis the wrong elements are, if they are at its end."""
    return next((f": in {where}" for _, _, where in _ends(problem)), "")


def _neighbours(problem: Problem) -> Iterator[Hypothesis]:
    """Wrong elements that hold what is right for the next one in memory."""
    count, right = int(problem.off.sum()), problem.right
    for distance, which in ((-1, "next"), (1, "previous")):
        beside = np.roll(right.ravel(), distance).reshape(right.shape)
        sentence = f"{count:,} of {right.size:,} elements of {problem.tensor} hold the value of the {which} one"
        predict = partial(_with_at, right, problem.off, beside)
        yield Hypothesis(name="neighbours_value", sentence=sentence, predict=predict)


def _with_at(right: Array, places: Array, values: Array) -> Array:
    return np.where(places, values, right)


def _on_border(problem: Problem) -> Array:
    """Which elements of y have windows that reach the padding, or which of dx such windows read."""
    case, rank = problem.case, len(problem.case.axes)
    border = np.zeros(tuple(a.output if problem.tensor == "y" else a.size for a in case.axes), bool)
    for dim, axis in enumerate(case.axes):
        reach = np.array(axis.taps()) < axis.kernel
        if problem.tensor == "dx":
            touched = np.zeros(axis.size, bool)
            for window in np.flatnonzero(reach):
                start = int(window) * axis.stride - axis.before
                touched[max(0, start) : max(0, start + axis.extent)] = True
            reach = touched
        border |= reach.reshape(-1, *(1,) * (rank - 1 - dim))
    return np.broadcast_to(border, problem.right.shape)
