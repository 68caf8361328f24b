"""The explanation of a result as a check sees it, whatever its shape and dtype, of a case large or small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.verify.check import Right, allowed
from convbench.verify.explain.explain import explain
from convbench.verify.explain.explanation import UNEXPLAINED, Explanation
from convbench.verify.explain.shapes import explain_shape
from convbench.verify.reference.full import Reference
from convbench_specs import TensorName, Tensors


def explain_result(
    right: Right,
    tensors: Tensors,
    name: TensorName,
    actual: NDArray[Any],
    *,
    exact: bool,
    previous: Callable[[], Tensors] | None = None,
) -> tuple[Explanation, ...]:
    """Why a result that a check has called wrong is so; empty where nothing is known.

    `exact` for tensors of integers; `previous` as in `explain`.
    """
    case, shape = right.case, right.case.shape_of(name, right.batch_size)
    if actual.shape != shape:
        return explain_shape(case, name, right.batch_size, actual.shape)
    if not isinstance(right, Reference):
        return (Explanation(UNEXPLAINED, f"{name} is too large to test hypotheses: only a sample of it is known"),)
    if actual.dtype.kind not in "fiu":
        return ()
    bound = allowed(right, name, exact=exact, sums="own")
    found = explain(case, tensors, name, actual=actual, right=right.values(name), bound=bound, previous=previous)
    if not found and actual.dtype != numpy_dtype(case.dtype):
        return (Explanation("dtype_only", f"the values of {name} are right, only their dtype is not"),)
    return found
