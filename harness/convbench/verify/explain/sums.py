"""Mistakes in what is summed up: instances and places of a gradient, factors, earlier results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

import numpy as np

from convbench.verify.explain.altered import computed
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench.verify.reference.full import oracle
from convbench_specs import Conv, Tensors

MOST_CALLS = 5
"""So many calls whose gradients may have been added up."""
FEWEST = 3
"""Wrong elements from which a number can be read off that explains them all."""
NEAR = 1e-3
"""How near a factor must be to a number that has a name."""


def sum_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """What may be left out of dw and db, which sum over instances and places."""
    if problem.tensor not in ("dw", "db"):
        return
    if problem.batch_size > 1:
        for part, name, which in (
            (slice(0, 1), "first_instance_only", "only the first instance is"),
            (slice(-1, None), "last_instance_only", "as if each instance overwrote the one before, only the last is"),
            (slice(0, -1), "last_instance_missing", "all instances but the last are"),
            (slice(1, None), "first_instance_missing", "all instances but the first are"),
        ):
            sentence = f"{problem.tensor} is right for a batch of 1 only: {which} summed up"
            if name.endswith("missing"):
                sentence = f"{which} summed up"
            yield Hypothesis(name=name, sentence=sentence, predict=partial(_of_instances, problem, part))
    yield from _places(problem)


def _of_instances(problem: Problem, part: slice) -> Array:
    return computed(problem, x=problem.tensors.x[part], dy=problem.tensors.dy[part])


def _places(problem: Problem) -> Iterator[Hypothesis]:
    """Places of dy that the sum does not reach."""
    dy, rank = problem.tensors.dy, problem.tensors.dy.ndim - 2
    names = ("row", "column") if rank == 2 else ("place",)

    def without(part: tuple[slice | int, ...]) -> Array:
        changed = dy.copy()
        changed[part] = 0
        return computed(problem, dy=changed)

    everything = slice(None)
    for dim, along in enumerate(names):
        for number, which in ((-1, "last"), (0, "first")):
            line: tuple[slice | int, ...] = (everything, everything, *[everything] * dim, number)
            sentence = f"the {which} {along} of dy is left out of the sum"
            yield Hypothesis(name=f"{which}_{along}_missing", sentence=sentence, predict=partial(without, line))
    last: list[tuple[tuple[slice | int, ...], str]] = [
        ((everything, everything, *[-1] * rank), "the last place of every instance"),
        ((-1, everything, *[-1] * rank), "the very last place of the batch"),
    ]
    for part, what in last:
        sentence = f"{what} is left out of the sum"
        yield Hypothesis(name="last_place_missing", sentence=sentence, predict=partial(without, part))


def earlier_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """Results of earlier calls, in place of this one or added to it."""
    name, right = problem.tensor, problem.right
    if problem.previous is not None:
        yield from _previous(problem, problem.previous)
    if name != "y":
        for calls in range(2, MOST_CALLS + 1):
            sentence = f"{name} is {calls} times the right one, as if those of {calls} calls were added up"
            yield Hypothesis(name="calls_added_up", sentence=sentence, predict=partial(np.multiply, right, calls))


def _previous(problem: Problem, previous: Callable[[], Tensors]) -> Iterator[Hypothesis]:
    """The data that the backend had before, in place of all or some of what it was given."""
    name, right = problem.tensor, problem.right

    def before() -> Array:
        return oracle(problem.case, previous()).values(name)

    sentence = f"{name} is the right result of the data that the backend had before"
    yield Hypothesis(name="previous_data", sentence=sentence, predict=before)
    sentence = f"{name} is added to the result of the data that the backend had before"
    yield Hypothesis(name="added_to_previous", sentence=sentence, predict=lambda: right + before())
    if name in ("y", "dx") and problem.tensors.w is not None:
        sentence = f"{name} is computed with the weights that the backend had before"
        yield Hypothesis(name="previous_weights", sentence=sentence, predict=lambda: computed(problem, w=previous().w))
    if name != "db":
        sentence = f"{name} is computed from the x that the backend had before"
        yield Hypothesis(name="previous_input", sentence=sentence, predict=lambda: computed(problem, x=previous().x))


def factor_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """A constant factor, found by least squares; of y also one without the bias."""
    name, right, actual = problem.tensor, problem.right, problem.actual
    if np.count_nonzero(problem.off) < FEWEST:
        return
    if found := _factor(problem, actual, right):
        factor, called = found
        sentence = f"{name} is {factor:.6g} times the right one{called}"
        yield Hypothesis(name="factor", sentence=sentence, predict=partial(np.multiply, right, factor))
    b = problem.tensors.b
    if name == "y" and b is not None:
        bias = b.astype(np.float64).reshape(-1, *(1,) * (right.ndim - 2))
        if found := _factor(problem, actual - bias, right - bias):
            factor, called = found
            sentence = f"the sum before the bias is {factor:.6g} times the right one{called}, as if an input was scaled"
            yield Hypothesis(name="input_scaled", sentence=sentence, predict=partial(_scaled, right, bias, factor))
    if np.ptp(right) == 0:
        return
    yield Hypothesis(
        name="offset",
        sentence=f"every element of {name} is off by the same amount",
        predict=lambda: right + np.median(actual - right),
    )


def _scaled(right: Array, bias: Array, factor: float) -> Array:
    scaled: Array = (right - bias) * factor + bias
    return scaled


def _factor(problem: Problem, actual: Array, right: Array) -> tuple[float, str] | None:
    """The c that makes c times the right result closest, and what it is; None where there is none, or it is 0."""
    finite = np.isfinite(actual) & np.isfinite(right)
    square = float(np.dot(right[finite], right[finite]))
    factor = float(np.dot(actual[finite], right[finite])) / square if square else 0.0
    if not np.isfinite(factor) or abs(factor) < NEAR**2:
        return None
    for value, called in _named(problem):
        if abs(factor / value - 1) < NEAR:
            return value, called
    return factor, ""


def _named(problem: Problem) -> Iterator[tuple[float, str]]:
    """Factors that have a name: sizes of the case, and 1 over them."""
    case = problem.case
    taps, places = prod(axis.kernel for axis in case.axes), prod(axis.output for axis in case.axes)
    sizes = {
        "the batch size": problem.batch_size,
        "the size of the kernel": taps,
        "the number of places": places,
        "the batch size times the number of places": problem.batch_size * places,
    }
    is_conv = isinstance(case.operation, Conv)
    if isinstance(case.operation, Conv):
        per_group = case.operation.in_channels // case.operation.groups
        sizes |= {
            "the channels of a group": per_group,
            "the terms of a sum": per_group * taps,
            "the number of filters": case.operation.out_channels,
            "the number of groups": case.operation.groups,
        }
    for name, size in sizes.items():
        if size > 1:
            yield 1 / size, f": 1 / {name}{', a mean in place of a sum' if is_conv else ''}"
            yield float(size), f": {name}{'' if is_conv else ', a sum in place of a mean'}"
    for value in (-1.0, 2.0, 0.5):
        yield value, ""
