"""A wrong result beside the right one, and when a hypothesis about it fits.

A hypothesis says what the result would be if one certain mistake had been made: its prediction. It fits if the wrong
result is that prediction within rounding errors, and the right result is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import unit_roundoff
from convbench.verify.bounds.terms import is_chosen
from convbench_specs import Case, TensorName, Tensors

Array = NDArray[Any]

SOME = 64
"""Wrong elements that are looked at first."""
ROUNDINGS = 4
"""Of what is computed once more from a right result, as a factor is; a result that is only chosen is rounded once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """A mistake that may have been made. `predict` computes the result that it leads to.

    A prediction is float64 in the shape of the result, with NaN where nothing is claimed; None where the mistake cannot
    be made in this case. One that `only_says_where` claims that all else is right.
    """

    name: str
    sentence: str
    predict: Callable[[], Array | None]
    only_says_where: bool = False


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A result `actual` of a case that should be `right`; both in the canonical shape, float64.

    `bound` is how far a right result may be off, an array that broadcasts, or 0 where it must be equal. `previous`
    makes the tensors that the backend had before, where there were any.
    """

    case: Case
    tensors: Tensors
    tensor: TensorName
    actual: Array
    right: Array
    bound: Array
    previous: Callable[[], Tensors] | None = None

    @property
    def batch_size(self) -> int:
        """N."""
        return len(self.tensors.x)

    @cached_property
    def off(self) -> NDArray[np.bool_]:
        """Which elements are wrong; NaN is."""
        return ~(_distance(self.actual, self.right) <= self.bound)

    def fits(self, hypothesis: Hypothesis) -> bool:
        """Whether what a hypothesis predicts explains every wrong element that it claims, and fits no right result.

        What it computes instead of the right value has rounding errors of its own, in places where the bound may be 0:
        the largest bound stands for all of them.
        """
        prediction = hypothesis.predict()
        if prediction is None:
            return False
        roundings = 1 if is_chosen(self.case, self.tensor) else ROUNDINGS
        unit = roundings * unit_roundoff(self.case.dtype)
        some = prediction.ravel()[self._some_off]
        if np.any(_distance(self.actual.ravel()[self._some_off], some) > self._largest_bound + unit * np.abs(some)):
            return False  # as nearly always; NaN is no number that is larger
        claimed = ~np.isnan(prediction)
        actual, right, claim = self.actual[claimed], self.right[claimed], prediction[claimed]
        allowed = self._largest_bound + unit * np.abs(claim)
        if not np.all(_distance(actual, claim) <= allowed):
            return False
        if hypothesis.only_says_where:
            return bool(self.off[~claimed].any())
        return not np.all(_distance(right, claim) <= allowed)

    @cached_property
    def _some_off(self) -> NDArray[np.intp]:
        """Flat places of a few wrong elements, which rule out most hypotheses."""
        wrong = np.flatnonzero(self.off)
        return wrong[:: max(1, wrong.size // SOME)]

    def instance(self, number: int) -> Problem:
        """The same problem of one instance of y or dx."""
        one = slice(number, number + 1)
        given, previous = self.tensors, self.previous

        def before() -> Tensors:
            assert previous is not None
            made = previous()
            return replace(made, x=made.x[one], dy=made.dy[one])

        return replace(
            self,
            tensors=replace(given, x=given.x[one], dy=given.dy[one]),
            actual=self.actual[one],
            right=self.right[one],
            bound=self.bound[one] if np.ndim(self.bound) == self.right.ndim else self.bound,
            previous=None if previous is None else before,
        )

    @cached_property
    def _largest_bound(self) -> float:
        finite = self.bound[np.isfinite(self.bound)] if np.ndim(self.bound) else np.ravel(self.bound)
        return 2 * float(finite.max(initial=0.0))


def _distance(one: Array, other: Array) -> Array:
    """|one - other|, 0 for infinities of one sign, NaN where either is NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance: Array = np.where(one == other, 0.0, np.abs(one - other))
    return distance
