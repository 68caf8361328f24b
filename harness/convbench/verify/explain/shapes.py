"""Results of another shape or dtype: what else they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from convbench.verify.explain.explanation import Explanation
from convbench_specs import Case, Pool, TensorName


def explain_shape(case: Case, tensor: TensorName, batch_size: int, shape: tuple[int, ...]) -> tuple[Explanation, ...]:
    """What a wrong shape comes from; empty where nothing fits or the shape is right."""
    right = case.shape_of(tensor, batch_size)
    if shape == right:
        return ()
    return tuple(_reasons(case, tensor, right, shape))[:1]


def _reasons(case: Case, tensor: TensorName, right: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[Explanation]:
    is_of_rank, others = len(shape) == len(right), f"shape {shape}, not {right}"
    if is_of_rank and tensor == "y" and isinstance(case.operation, Pool) and case.operation.ceil_mode:
        whole = tuple(axis.output - (axis.overhang > 0) for axis in case.axes)
        if shape[:2] == right[:2] and all(w <= s <= r for w, s, r in zip(whole, shape[2:], right[2:], strict=True)):
            yield Explanation("ceil_mode_ignored", f"the last, incomplete window of ceil mode is missing: {others}")
    if tuple(size for size in shape if size != 1) == tuple(size for size in right if size != 1):
        what = "missing" if len(shape) < len(right) else "in other places or too many"
        yield Explanation("axes_of_length_one", f"the axes of length 1 of {tensor} are {what}: {others}")
    if is_of_rank and shape == (right[0], *right[2:], *right[1:2]):
        yield Explanation("channels_last", f"{tensor} comes channels last: {others}")
    if is_of_rank and shape in set(permutations(right)):
        yield Explanation("axes_exchanged", f"{tensor} comes with axes exchanged: {others}")
    if is_of_rank and tensor in ("y", "dx") and shape[1:] == right[1:]:
        yield Explanation("batch_size", f"{tensor} has another number of instances: {others}")
