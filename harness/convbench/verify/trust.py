"""Reasons not to believe a result, even one that agrees: each has a name and a sentence.

The functions return what they found as values, None where all is well. Some look at one result, some at a result and
what else there was in its worker: its inputs, an earlier result, the same result a little later. All take NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.verify.bounds.terms import reached_share
from convbench.verify.compare import BLOCK
from convbench_specs import Case, Flatten, Pool, TensorName, Tensors

Reason = Literal[
    "mostly_zero",
    "constant",
    "not_finite",
    "weak_data",
    "aliases_input",
    "input_changed",
    "wrong_dtype",
    "wrong_shape",
    "borrowed_memory",
    "not_repeatable",
    "unfinished",
    "changes_after_calls",
    "remembered",
    "shared_state",
    "precomputed",
    "clock",
    "deferred",
]

EXPLANATIONS: Mapping[Reason, str] = {
    "mostly_zero": "most of the result is zero, as if it was never written",
    "constant": "all elements are equal, as if the result was only initialised",
    "not_finite": "the result contains NaN or infinity, which no right result of these inputs does",
    "weak_data": "the right result is mostly zero or below the bound, so that a wrong one could pass",
    "aliases_input": "the result shares memory with an input, so it changes together with the input",
    "input_changed": "the call changed an input, so the next call computes something else",
    "wrong_dtype": "the result has another dtype than the case, so it was computed in another precision",
    "wrong_shape": "the result has another shape than the case requires",
    "borrowed_memory": "the result lies in the memory of an earlier one, which it overwrote",
    "not_repeatable": "a second call on the same inputs gave something else",
    "unfinished": "the result still changed after `wait` had returned",
    "changes_after_calls": "a later call on the same inputs gave something else than the checked one",
    "remembered": "the result was kept from an earlier call instead of being computed again",
    "shared_state": "the result changes when another prepared case of the same shape is used in between",
    "precomputed": "the result was computed before the timed call",
    "clock": "the clocks of the worker and of the host disagree about how long the timed calls took",
    "deferred": "work was postponed until after the timed call",
}

REQUIRED_NONZERO = 0.3
"""Share of elements that must not be zero, where nothing makes zeros; benchdnn asks for the same."""
REQUIRED_NONZERO_BIAS = 0.8
"""Of db, which sums up so much that zeros are chance."""
FEWEST = 16
"""In fewer elements zeros and equal numbers are chance."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A reason not to trust a result, or an input where `tensor` names one; `detail` has the numbers."""

    reason: Reason
    tensor: str
    detail: str = ""

    def describe(self) -> str:
        """One sentence."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.tensor}: {EXPLANATIONS[self.reason]}{detail}"


def distrust(case: Case, batch_size: int, name: TensorName, result: NDArray[Any]) -> list[Untrusted]:
    """What can be held against a result on random data by itself, without knowing the right one."""
    form = [wrong_shape(case, batch_size, name, result), wrong_dtype(case, name, result)]
    found = [each for each in form if each]
    if found:
        return found
    values = [not_finite(name, result), mostly_zero(case, batch_size, name, result)]
    if _must_vary(case, batch_size):
        values.append(constant(name, result))
    return [each for each in values if each][:1]


def required_nonzero(case: Case, batch_size: int, name: TensorName) -> float:
    """The share of elements of a result on random data that must not be zero.

    It leaves out what only padding or nothing is added up for. Of the elements in a maximum's window one at least has a
    gradient, and an element can be in as many windows as a window has elements.
    """
    share = reached_share(case, name, batch_size)
    if name == "dx" and isinstance(case.operation, Pool) and case.operation.kind == "max":
        share /= prod(axis.kernel for axis in case.axes)
    return share * (REQUIRED_NONZERO_BIAS if name == "db" else REQUIRED_NONZERO)


def mostly_zero(case: Case, batch_size: int, name: TensorName, result: NDArray[Any]) -> Untrusted | None:
    """Zeros where the operation makes none."""
    required = required_nonzero(case, batch_size, name)
    return _too_few("mostly_zero", name, int(np.count_nonzero(result)), result.size, required)


def weak_data(
    case: Case, batch_size: int, name: TensorName, expected: NDArray[Any], bound: NDArray[Any] | float = 0.0
) -> Untrusted | None:
    """Right values that say nothing: they are within the bound of zero."""
    flat, bounds = np.ravel(expected), np.ravel(np.broadcast_to(bound, expected.shape)) if np.ndim(bound) else None
    telling = 0
    for start in range(0, flat.size, BLOCK):
        part = slice(start, start + BLOCK)
        telling += int(np.count_nonzero(np.abs(flat[part]) > (bound if bounds is None else bounds[part])))
    return _too_few("weak_data", name, telling, flat.size, required_nonzero(case, batch_size, name))


def _too_few(reason: Reason, name: TensorName, count: int, size: int, required: float) -> Untrusted | None:
    if size < FEWEST or count >= required * size:
        return None
    return Untrusted(reason, name, f"{count / size:.1%} of the elements are not, {required:.1%} must not be")


def constant(name: TensorName, result: NDArray[Any]) -> Untrusted | None:
    """One number everywhere but 0, which `mostly_zero` knows of."""
    if result.size < FEWEST or not result.flat[0] or np.any(result != result.flat[0]):
        return None
    return Untrusted("constant", name, f"{float(result.flat[0]):.9g} everywhere")


def _must_vary(case: Case, batch_size: int) -> bool:
    """Whether windows see different elements: those of many maps do, those of one only if they are small."""
    maps = batch_size * case.output_shape[0]
    return maps >= FEWEST or all(axis.kernel <= axis.size // 2 for axis in case.axes)


def not_finite(name: TensorName, result: NDArray[Any]) -> Untrusted | None:
    """NaN or infinity."""
    bad = result.size - int(np.count_nonzero(np.isfinite(result)))
    return Untrusted("not_finite", name, f"{bad:,} of {result.size:,} elements") if bad else None


def wrong_dtype(case: Case, name: TensorName, result: NDArray[Any]) -> Untrusted | None:
    """Another dtype than results of the case have."""
    due = numpy_dtype(case.dtype)
    return None if result.dtype == due else Untrusted("wrong_dtype", name, f"{result.dtype}, not {due}")


def wrong_shape(case: Case, batch_size: int, name: TensorName, result: NDArray[Any]) -> Untrusted | None:
    """Another shape than the case's."""
    due = case.shape_of(name, batch_size)
    return None if result.shape == due else Untrusted("wrong_shape", name, f"{result.shape}, not {due}")


def aliases_input(case: Case, name: TensorName, result: NDArray[Any], tensors: Tensors) -> Untrusted | None:
    """Memory of an input; a flatten may be a view of its input."""
    if isinstance(case.operation, Flatten):
        return None
    shared = [each for each, array in _inputs(tensors) if np.may_share_memory(result, array)]
    return Untrusted("aliases_input", name, f"it shares memory with {' and '.join(shared)}") if shared else None


def fingerprints(tensors: Tensors) -> dict[str, int]:
    """A checksum of each input, to be taken before and after a call.

    A cyclic one misses one accident in 2^32, and takes a fifth of the time of a cryptographic one: it is taken around
    every pass of a run.
    """
    return {name: crc32(np.ascontiguousarray(array).view(np.uint8).data) for name, array in _inputs(tensors)}


def input_changed(before: Mapping[str, int], after: Mapping[str, int]) -> Untrusted | None:
    """Fingerprints that differ."""
    changed = [name for name, digest in before.items() if after.get(name) != digest]
    return Untrusted("input_changed", " and ".join(changed)) if changed else None


def borrowed_memory(name: TensorName, earlier: NDArray[Any], later: NDArray[Any]) -> Untrusted | None:
    """Two results, both alive, in the same memory."""
    return Untrusted("borrowed_memory", name) if np.may_share_memory(earlier, later) else None


def not_repeatable(
    name: TensorName, first: NDArray[Any], second: NDArray[Any], bound: NDArray[Any] | float = 0.0
) -> Untrusted | None:
    """Results of two calls on the same inputs that differ by more than a bound; by any bit without one.

    A GPU may add in another order each time: give the bound of two right results there.
    """
    return _differs("not_repeatable", name, first, second, bound)


def unfinished(name: TensorName, at_once: NDArray[Any], later: NDArray[Any]) -> Untrusted | None:
    """A result copied as soon as it was said to exist, and the same result copied later."""
    return _differs("unfinished", name, at_once, later, 0.0)


def _differs(
    reason: Reason, name: TensorName, one: NDArray[Any], other: NDArray[Any], bound: NDArray[Any] | float
) -> Untrusted | None:
    if one.shape != other.shape:
        return Untrusted(reason, name, f"shape {one.shape}, then {other.shape}")
    if np.array_equal(one, other):  # the common case needs none of the arrays below
        return None
    with np.errstate(invalid="ignore"):
        same = (one == other) | (np.abs(one - other) <= bound) | ((one != one) & (other != other))  # noqa: PLR0124 - NaN
    differing = one.size - int(np.count_nonzero(same))
    return Untrusted(reason, name, f"{differing:,} of {one.size:,} elements differ") if differing else None


def _inputs(tensors: Tensors) -> list[tuple[str, NDArray[Any]]]:
    named = {"x": tensors.x, "dy": tensors.dy, "w": tensors.w, "b": tensors.b}
    return [(name, array) for name, array in named.items() if array is not None]
