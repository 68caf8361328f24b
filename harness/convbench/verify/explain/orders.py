"""Mistakes in the order of elements: axes exchanged in memory, results turned or shifted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import permutations

import numpy as np

from convbench.verify.explain.altered import computed
from convbench.verify.explain.problem import Array, Hypothesis, Problem
from convbench_specs import Flatten

FURTHEST = 2
"""Places by which a result may be shifted."""
LETTERS = {"y": "NKHW", "dx": "NCHW", "dw": "KCHW", "db": "K"}
READ = {"y": ("x",), "dx": ("dy",), "dw": ("x", "dy"), "db": ("dy",)}
"""What each result is computed from, beside the weights."""
AXES = {
    "y": ("instance", "filter", "row", "column"),
    "dx": ("instance", "channel", "row", "column"),
    "dw": ("filter", "channel", "row", "column"),
    "db": ("filter",),
}


def axis_names(problem: Problem) -> tuple[str, ...]:
    """What an index along each axis of the result is called, in the singular."""
    names, rank = AXES[problem.tensor], problem.right.ndim
    if isinstance(problem.case.operation, Flatten) and problem.tensor == "y":
        return ("instance", "feature")
    return names if rank == len(names) else (*names[: rank - 1], "place") if rank > 1 else names


def order_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """The right values in another order."""
    name, right = problem.tensor, problem.right
    letters = LETTERS[name] if right.ndim == len(LETTERS[name]) else LETTERS[name][: right.ndim - 1] + "W"
    for order in permutations(range(right.ndim)):
        if order == tuple(range(right.ndim)):
            continue
        moved = "".join(letters[axis] for axis in order)
        is_last = order in ((0, *range(2, right.ndim), 1), (0, right.ndim - 1, *range(1, right.ndim - 1)))
        sentence = f"{name} is the right result in the order {moved} of memory, taken for {letters}"
        predict = partial(_reordered, right, order)
        yield Hypothesis(name="channels_last" if is_last else "axes_exchanged", sentence=sentence, predict=predict)
    names = axis_names(problem)
    for axis in range(right.ndim):
        if right.shape[axis] > 1:
            sentence = f"the {names[axis]}s of {name} are in reverse"
            yield Hypothesis(name="axis_reversed", sentence=sentence, predict=partial(np.flip, right, axis))


def _reordered(right: Array, order: tuple[int, ...]) -> Array:
    return right.transpose(order).reshape(right.shape)


def operand_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """An operand whose memory is taken for one in another order."""
    given = problem.tensors
    for name, values in (("x", given.x), ("dy", given.dy)):
        if values.ndim < 3 or name not in READ[problem.tensor]:
            continue
        last = (0, *range(2, values.ndim), 1)
        taken = np.moveaxis(values.reshape([values.shape[axis] for axis in last]), -1, 1)
        given_last = np.moveaxis(values, 1, -1).reshape(values.shape)
        sentence = f"the memory of {name} is taken for channels last"
        yield Hypothesis(name="operand_channels_last", sentence=sentence, predict=_with(problem, name, taken))
        sentence = f"{name} is put into memory channels last, and taken for channels first"
        yield Hypothesis(name="operand_channels_last", sentence=sentence, predict=_with(problem, name, given_last))


def _with(problem: Problem, name: str, values: Array) -> partial[Array]:
    return partial(computed, problem, x=values) if name == "x" else partial(computed, problem, dy=values)


def shift_hypotheses(problem: Problem) -> Iterator[Hypothesis]:
    """The right values some places away, whatever comes in where they leave room."""
    names, right = axis_names(problem), problem.right
    for axis, size in enumerate(right.shape):
        for distance in range(1, min(FURTHEST, (size - 1) // 2) + 1):
            for sign, way in ((1, "further on"), (-1, "further back")):
                unit = f"{distance} {names[axis]}{'s' * (distance > 1)}"
                sentence = f"{problem.tensor} is shifted: the right values are {unit} {way}"
                shifted = partial(_shifted, right, axis, sign * distance)
                yield Hypothesis(name="shifted", sentence=sentence, predict=shifted)


def _shifted(right: Array, axis: int, distance: int) -> Array:
    """The values moved along an axis, NaN where they came from."""
    shifted = np.roll(right, distance, axis)
    freed = slice(0, distance) if distance > 0 else slice(distance, None)
    shifted[(slice(None),) * axis + (freed,)] = np.nan
    return shifted
