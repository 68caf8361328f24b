"""Small parts of a large problem, on which mistakes show as well as on all of it.

An element of y needs one instance and one filter, one of dx an instance and a channel, one of dw a filter and a
channel. So a part of the instances, filters and channels is a problem of a smaller case. Parts are chosen where
something is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convbench.verify.explain.problem import Array, Problem
from convbench_specs import Conv, Pool, Tensors, multiply_adds

MOST_ELEMENTS = 2**20
"""Of a result that is looked at as a whole."""
MOST_INSTANCE = 2**22
"""Of one instance that is."""
MOST_WORK = 5 * 10**7
"""Multiply-adds of one prediction by the reference; there are some dozens of them."""
FEW = 4
"""Filters or channels of a part."""


@dataclass(frozen=True, slots=True)
class View:
    """A problem, or a part of it; `words` say on which part a hypothesis was tested, and are empty for all of it."""

    problem: Problem
    words: str = ""


def manageable(problem: Problem) -> View | None:
    """What can be looked at as a whole: all of it, or an instance; None where even that is too large."""
    if problem.right.size <= MOST_ELEMENTS:
        return View(problem)
    one = one_instance(problem)
    return one if one.problem.right.size <= MOST_INSTANCE else None


def affordable(problem: Problem) -> View | None:
    """What can be computed some dozens of times: all of it, an instance, or a few channels; None where nothing can."""
    if not _is_costly(problem):
        return View(problem)
    one = one_instance(problem)
    if not _is_costly(one.problem):
        return one
    few = _few_channels(one)
    return None if _is_costly(few.problem) else few


def one_instance(problem: Problem) -> View:
    """An instance that is wrong, of y or dx."""
    if problem.tensor not in ("y", "dx") or problem.batch_size == 1:
        return View(problem)
    number = int(np.argmax(problem.off.reshape(problem.batch_size, -1).any(axis=1)))
    return View(problem.instance(number), f" (tested on instance {number})")


def _few_channels(view: View) -> View:
    """A few filters or channels that are wrong, where the others have no part in them."""
    problem, operation = view.problem, view.problem.case.operation
    if isinstance(operation, Conv) and operation.groups == 1:
        part, words = _of_convolution(problem, operation)
    elif isinstance(operation, Pool) and operation.over == "space":
        part, words = _of_pool(problem, operation)
    else:
        return view
    return View(part, view.words.replace("tested on", f"tested on {words} of") or f" (tested on {words})")


def _is_costly(problem: Problem) -> bool:
    """Whether one prediction by the reference costs too much."""
    work = multiply_adds(problem.case) * problem.batch_size
    return max(work, problem.tensors.x.size, problem.tensors.dy.size) > MOST_WORK


def _of_pool(problem: Problem, operation: Pool) -> tuple[Problem, str]:
    given, channels = problem.tensors, _wrong(problem.off, 1)
    tensors = Tensors(x=given.x[:, channels], dy=given.dy[:, channels])
    shape = (len(channels), *problem.case.input_shape[1:])
    return _part(problem, tensors, (slice(None), channels), operation, shape), _listed("channels", channels)


def _of_convolution(problem: Problem, operation: Conv) -> tuple[Problem, str]:
    given, name, shape = problem.tensors, problem.tensor, problem.case.input_shape
    assert given.w is not None
    x, dy, w, b = given.x, given.dy, given.w, given.b
    part: list[slice | NDArray[np.intp]] = [slice(None), slice(None)]
    words = []
    if name in ("y", "dw", "db"):
        filters = _wrong(problem.off, 0 if name in ("dw", "db") else 1)
        dy, w, b = dy[:, filters], w[filters], None if b is None else b[filters]
        part[1 if name == "y" else 0] = filters
        operation = replace(operation, out_channels=len(filters))
        words.append(_listed("filters", filters))
    if name in ("dx", "dw"):
        off = problem.off if name == "dx" else problem.off[part[0]]
        channels = _wrong(off, 1)
        x, w = x[:, channels], w[:, channels]
        part[1] = channels
        operation = replace(operation, in_channels=len(channels))
        shape = (len(channels), *shape[1:])
        words.append(_listed("channels", channels))
    tensors = Tensors(x=x, dy=dy, w=w, b=b)
    return _part(problem, tensors, tuple(part[: problem.right.ndim]), operation, shape), " and ".join(words)


def _part(
    problem: Problem,
    tensors: Tensors,
    part: tuple[slice | NDArray[np.intp], ...],
    operation: Conv | Pool,
    shape: tuple[int, ...],
) -> Problem:
    """The problem of a part of the result; one axis after the other, as NumPy would pair two lists of places."""

    def of(values: Array) -> Array:
        for axis, chosen in enumerate(part):
            values = values[(slice(None),) * axis + (chosen,)]
        return values

    case = replace(problem.case, operation=operation, input_shape=shape, x_data="random", w_data="random")
    bound = problem.bound if problem.bound.ndim == 0 else of(np.broadcast_to(problem.bound, problem.right.shape))
    return replace(
        problem,
        case=case,
        tensors=tensors,
        actual=of(problem.actual),
        right=of(problem.right),
        bound=bound,
        previous=None,
    )


def _wrong(off: NDArray[np.bool_], axis: int) -> NDArray[np.intp]:
    """The first few indices along an axis at which something is wrong."""
    others = tuple(dim for dim in range(off.ndim) if dim != axis)
    return np.flatnonzero(off.any(axis=others))[:FEW]


def _listed(what: str, numbers: NDArray[np.intp]) -> str:
    return f"{what} {', '.join(map(str, numbers))}"
