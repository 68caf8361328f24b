"""Mistakes in pooling and flatten: ties, divisors, padding in a maximum, the order of a flatten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial, reduce
from math import prod
from typing import Literal

import numpy as np

from convbench.verify.explain.altered import computed
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench.verify.reference import pooling
from convbench.verify.reference.windows import fold, pad, tap_places
from convbench_specs import Case, Flatten, Pool

FILLS = (0.0, -1.0, -128.0, -1e3, -32768.0, -65504.0, -1e4, -1e5, -1e6, -1e9)
"""What padding in a maximum may hold in place of minus infinity."""
Ties = Literal["last", "all", "split"]


def pool_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """What may have gone wrong in a pool or a flatten."""
    operation = problem.case.operation
    if isinstance(operation, Flatten):
        other: Literal["channels_first", "channels_last"] = (
            "channels_last" if operation.order == "channels_first" else "channels_first"
        )
        yield Hypothesis(
            name="flatten_order",
            sentence=f"{problem.tensor} is that of a flatten in the order {other}",
            predict=lambda: computed(problem, case=replace(problem.case, operation=replace(operation, order=other))),
        )
    if isinstance(operation, Pool):
        if operation.over == "channels":
            yield from _steps(problem, operation)
        yield from _maxima(problem) if operation.kind == "max" else _averages(problem, operation)


def _steps(problem: Problem, operation: Pool) -> Iterator[Hypothesis]:
    """Groups of channels that lie apart."""
    channels, group = problem.case.input_shape[0], operation.kernel_size[0]
    used = problem.case.axes[0].output * int(group)
    order = np.arange(channels)
    order[:used] = np.arange(used).reshape(int(group), -1).T.ravel()

    def predict() -> Array:
        result = computed(problem, x=problem.tensors.x[:, order])
        return result if problem.tensor == "y" else result[:, np.argsort(order)]

    sentence = "the channels of a group are taken with a step, not one after the other"
    yield Hypothesis(name="channels_with_a_step", sentence=sentence, predict=predict)


# -- maxima


def _maxima(problem: Problem) -> Iterator[Hypothesis]:
    case = problem.case
    if problem.tensor == "dx":
        yield Hypothesis(
            name="ties_to_the_last",
            sentence="of equal maxima the last one gets the gradient, not the first",
            predict=partial(_tied, problem, "last"),
        )
        yield Hypothesis(
            name="ties_to_all",
            sentence="every one of equal maxima gets the whole gradient",
            predict=partial(_tied, problem, "all"),
        )
        yield Hypothesis(
            name="ties_split", sentence="equal maxima share the gradient", predict=partial(_tied, problem, "split")
        )
    else:
        sentence = "the running maximum starts at zero: where all of a window is negative, y is 0"
        yield Hypothesis(
            name="maximum_starts_at_zero", sentence=sentence, predict=lambda: np.maximum(problem.right, 0.0)
        )
    if any(axis.before or axis.behind for axis in case.axes):
        for fill in FILLS:
            sentence = f"padding holds {fill:g}, which wins a maximum over what is smaller"
            predict = partial(_filled, problem, fill)
            yield Hypothesis(name="padding_wins_a_maximum", sentence=sentence, predict=predict)
    for dtype in (np.float16, np.float32):
        sentence = f"which element is the largest is found out in {np.dtype(dtype)}"
        predict = partial(_chosen, problem, problem.tensors.x.astype(dtype))
        yield Hypothesis(name="maximum_in_lower_precision", sentence=sentence, predict=predict)


def _maps(problem: Problem) -> tuple[Array, Array]:
    """The tensors x and dy as (maps, *axes), float64."""
    axes = problem.case.axes
    x = problem.tensors.x.reshape(-1, *(axis.size for axis in axes)).astype(np.float64)
    return x, problem.tensors.dy.reshape(-1, *(axis.output for axis in axes)).astype(np.float64)


def _tied(problem: Problem, ties: Ties) -> Array:
    """Dx of a maximum that treats equal elements in another way."""
    axes = problem.case.axes
    x, dy = _maps(problem)
    padded, gradient = pad(x, axes, "zeros", -np.inf, np.float64), pad(np.zeros_like(x), axes, "zeros", 0.0, np.float64)
    places = tap_places(axes)
    largest = reduce(np.maximum, (padded[place] for place in places))
    count = np.sum([padded[place] == largest for place in places], axis=0)
    taken = np.zeros(largest.shape, bool)
    for place in reversed(places):
        wins = padded[place] == largest
        if ties == "last":
            wins, taken = wins & ~taken, taken | wins
        gradient[place] += np.where(wins, dy / count if ties == "split" else dy, 0.0)
    return fold(gradient, axes, "zeros").reshape(problem.right.shape)


def _filled(problem: Problem, fill: float) -> Array:
    """The result of a maximum that sees a number in the padding."""
    case = problem.case
    x, dy = _maps(problem)
    padded = pad(x, case.axes, "zeros", fill, np.float64)
    best, winner = _winners(padded, case)
    if problem.tensor == "y":
        return best.reshape(problem.right.shape)
    return _routed(problem, winner, dy)


def _chosen(problem: Problem, seen: Array) -> Array:
    """The result of a maximum that compares other values than it hands over."""
    case = problem.case
    x, dy = _maps(problem)
    with np.errstate(over="ignore"):
        others = pad(seen.reshape(x.shape), case.axes, "zeros", -np.inf, np.float64)
    _, winner = _winners(others, case)
    if problem.tensor == "dx":
        return _routed(problem, winner, dy)
    padded, y = pad(x, case.axes, "zeros", -np.inf, np.float64), np.zeros(dy.shape)
    for number, place in enumerate(tap_places(case.axes)):
        np.copyto(y, padded[place], where=winner == number)
    return y.reshape(problem.right.shape)


def _winners(padded: Array, case: Case) -> tuple[Array, Array]:
    """The largest of each window, and the first tap that reads it."""
    members = np.stack([padded[place] for place in tap_places(case.axes)])
    return members.max(axis=0), members.argmax(axis=0)


def _routed(problem: Problem, winner: Array, dy: Array) -> Array:
    """Dx where each window's gradient goes to one tap."""
    axes = problem.case.axes
    gradient = pad(np.zeros((len(dy), *(a.size for a in axes))), axes, "zeros", 0.0, np.float64)
    for number, place in enumerate(tap_places(axes)):
        gradient[place] += np.where(winner == number, dy, 0.0)
    return fold(gradient, axes, "zeros").reshape(problem.right.shape)


def first_largest(problem: Problem) -> Array:
    """The number of the tap that reads the first of the largest elements of each window, in the shape of y."""
    case = problem.case
    padded = pad(_maps(problem)[0], case.axes, "zeros", -np.inf, np.float64)
    return _winners(padded, case)[1].reshape(problem.tensors.dy.shape)


# -- averages


def _averages(problem: Problem, operation: Pool) -> Iterator[Hypothesis]:
    case = problem.case
    right, window = pooling.divisors(case), prod(axis.kernel for axis in case.axes)
    on_input = _taps(case, count_padding=False).reshape(right.shape)
    with_padding = _taps(case, count_padding=True).reshape(right.shape)
    ones = np.ones_like(right)
    yield _divided(problem, "divisor_leaves_out_padding", "the divisor leaves out taps on padding", on_input)
    yield _divided(problem, "divisor_counts_padding", "the divisor counts taps on padding", with_padding)
    sentence = f"the divisor is the whole window, {window}, everywhere"
    yield _divided(problem, "divisor_is_the_window", sentence, ones * window)
    yield _divided(problem, "not_divided", "the sum is not divided", ones)
    for dtype in (np.float16, np.float32):
        sentence = f"the reciprocal of the divisor is rounded to {np.dtype(dtype)}"
        rounded = 1 / (1 / right).astype(dtype).astype(np.float64)
        yield _divided(problem, "reciprocal_in_lower_precision", sentence, rounded)
    yield Hypothesis(
        name="maximum_for_average",
        sentence=f"{problem.tensor} is that of a maximum",
        predict=lambda: computed(problem, case=replace(case, operation=replace(operation, kind="max"))),
    )


def _taps(case: Case, *, count_padding: bool) -> Array:
    along = [np.array(axis.taps(count_padding=count_padding), np.float64) for axis in case.axes]
    counts: Array = np.asarray(reduce(np.multiply.outer, along))
    return counts


def _divided(problem: Problem, name: str, sentence: str, divisor: Array) -> Hypothesis:
    """A hypothesis that another divisor is used."""
    right = pooling.divisors(problem.case)

    def predict() -> Array:
        if problem.tensor == "y":
            return problem.right * (right / divisor)
        return computed(problem, dy=problem.tensors.dy * (right / divisor))

    return Hypothesis(name=name, sentence=sentence, predict=predict)
