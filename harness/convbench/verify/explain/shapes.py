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
    if isinstance(case.operation, Pool) and case.operation.ceil_mode and tensor == "y" and len(shape) == len(right):
        whole = [a.output - (a.overhang > 0) for a in case.axes]
        if all(have in (want, want - 1) for have, want in zip(shape, right, strict=True)) and whole:
            yield Explanation("ceil_mode_ignored", "the last, incomplete window of ceil mode is missing")
    if tuple(size for size in shape if size != 1) == tuple(size for size in right if size != 1):
        what = "missing" if len(shape) < len(right) else "in other places or too many"
        yield Explanation("axes_of_length_one", f"the axes of length 1 of {tensor} are {what}")
    if len(shape) == len(right) and shape in list(permutations(right)):
        is_last = shape == (right[0], *right[2:], right[1])
        how = "channels last" if is_last else "with axes exchanged"
        yield Explanation("channels_last" if is_last else "axes_exchanged", f"{tensor} comes {how}")
    if shape[1:] == right[1:]:
        yield Explanation("batch_size", f"{tensor} has {shape[0]} instances where there are {right[0]}")
