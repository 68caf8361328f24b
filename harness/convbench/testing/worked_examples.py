"""Small cases whose results anyone can check by hand, as they are printed in a course on convolutional networks.

If padding "same" needs an odd number of places, the extra one is behind the input. Sizes round down. A pool has as many
channels as its input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.verify import make_tensors, round_to
from convbench_specs import Case, Conv, DType, Flatten, Pool, TensorName, Tensors
from convbench_specs.operations import PoolKind

ONE_TO_FIVE = [1, 2, 3, 4, 5]
WINDOW = [1, 5, 3, 2]
"""A map of 2 x 2, row by row."""
Values = Sequence[float]
"""The elements of a tensor in row-major order."""
Results = Mapping[TensorName, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedExample:
    """A case, its tensors, and the results that are known. Of y at least the shape is known."""

    case: Case
    tensors: Tensors
    results: Mapping[TensorName, NDArray[Any]] = field(default_factory=dict)
    y_shape: tuple[int, ...] = ()


def worked_examples() -> Iterator[WorkedExample]:
    """All examples, in float32."""
    yield from _one_dimension()
    yield from _pools()
    yield from _sizes()


def in_dtype(example: WorkedExample, dtype: DType) -> WorkedExample:
    """The same example in another dtype."""
    case, given = example.case.with_dtype(dtype), example.tensors
    w, b = (None if array is None else round_to(array, dtype) for array in (given.w, given.b))
    tensors = Tensors(x=round_to(given.x, dtype), dy=round_to(given.dy, dtype), w=w, b=b)
    return replace(example, case=case, tensors=tensors)


def _one_dimension() -> Iterator[WorkedExample]:
    """A filter of ones over the numbers 1 to 5; then one input is raised by one, and then one weight."""
    conv = Conv(in_channels=1, out_channels=1, kernel_size=(3,), padding="same", bias=False)
    examples: tuple[tuple[str, Values, Values, Results], ...] = (
        (
            "one dimension",
            ONE_TO_FIVE,
            [1, 1, 1],
            {"y": [3, 6, 9, 12, 9], "dx": [2, 3, 3, 3, 2], "dw": [10, 15, 14]},
        ),
        ("one input raised", [1, 2, 3, 4, 6], [1, 1, 1], {"y": [3, 6, 9, 13, 10]}),
        ("one weight raised", ONE_TO_FIVE, [2, 1, 1], {"y": [3, 7, 11, 15, 13]}),
    )
    for name, x, w, results in examples:
        yield _example(Case(name=name, operation=conv, input_shape=(1, 5)), x, results, w=w)
    uneven = Conv(in_channels=1, out_channels=1, kernel_size=(6,), stride=(5,), padding="same", bias=False)
    case = Case(name="one place of padding before, two behind", operation=uneven, input_shape=(1, 13))
    yield _example(case, [1] * 13, {"y": [5, 6, 4]}, w=[1] * 6)


def _pools() -> Iterator[WorkedExample]:
    windows: tuple[tuple[PoolKind, Values, Values], ...] = (
        ("max", [5], [0, 1, 0, 0]),
        ("average", [2.75], [0.25, 0.25, 0.25, 0.25]),
    )
    for kind, y, dx in windows:
        operation = Pool(kind=kind, kernel_size=(2, 2))
        yield _example(
            Case(name=f"{kind} of a window", operation=operation, input_shape=(1, 2, 2)), WINDOW, {"y": y, "dx": dx}
        )
        operation = Pool(kind=kind, kernel_size="global")
        yield _example(
            Case(name=f"{kind} of a map", operation=operation, input_shape=(1, 2, 2)), WINDOW, {"y": y, "dx": dx}
        )
    large, whole = Pool(kind="average", kernel_size=(64, 64)), Pool(kind="average", kernel_size="global")
    for name, operation in (("window", large), ("map", whole)):  # 16 bits count to 256 or 2048
        case = Case(name=f"average of a {name} of 4096", operation=operation, input_shape=(1, 64, 64))
        yield _example(case, [1000] + [0] * 4095, {"y": [1000 / 4096], "dx": [1 / 4096] * 4096})
    over_channels = Pool(kind="max", kernel_size=(2,), over="channels")
    case = Case(name="maximum of two channels", operation=over_channels, input_shape=(4, 1))
    yield _example(case, [1, 4, 3, 2], {"y": [4, 3], "dx": [0, 1, 1, 0]})


def _sizes() -> Iterator[WorkedExample]:
    """Sizes of outputs: the shape of y is (N, C, *spatial)."""
    photos = Conv(in_channels=3, out_channels=32, kernel_size=(7, 7))
    same = replace(photos, padding="same")
    narrow = Conv(in_channels=1, out_channels=1, kernel_size=(6,), stride=(5,))
    plain = Conv(in_channels=1, out_channels=1, kernel_size=(3, 3))
    for name, batch_size, operation, shape, y_shape in (
        ("photos valid", 2, photos, (3, 70, 120), (2, 32, 64, 114)),
        ("photos same", 2, same, (3, 70, 120), (2, 32, 70, 120)),
        ("photos same, stride 2", 2, replace(same, stride=(2,)), (3, 70, 120), (2, 32, 35, 60)),
        ("width 13", 1, narrow, (1, 13), (1, 1, 2)),
        ("zero padding", 1, replace(plain, stride=(2,), padding="same"), (1, 5, 7), (1, 1, 3, 4)),
        ("28 x 28", 1, replace(plain, kernel_size=(5, 5)), (1, 28, 28), (1, 1, 24, 24)),
        ("5 x 5", 1, plain, (1, 5, 5), (1, 1, 3, 3)),
        ("pool rounds down", 1, Pool(kind="max", kernel_size=(2, 2)), (3, 5, 7), (1, 3, 2, 3)),
        ("one number a map", 2, Pool(kind="average", kernel_size="global"), (5, 4, 3), (2, 5, 1, 1)),
        ("64 maps in a row", 1, Flatten(), (64, 3, 3), (1, 576)),
    ):
        case = Case(name=name, operation=operation, input_shape=shape)
        yield WorkedExample(case=case, tensors=make_tensors(case, batch_size, seed=0), y_shape=y_shape)


def _example(case: Case, x: Values, results: Results, *, w: Values = ()) -> WorkedExample:
    """An example on one instance. dy is all ones, so that the gradients are those of the sum of y."""

    def array(values: Values, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.asarray(values, np.float32).reshape(shape)

    tensors = Tensors(
        x=array(x, case.x_shape(1)),
        w=None if case.w_shape is None else array(w, case.w_shape),
        dy=np.ones(case.y_shape(1), np.float32),
    )
    expected = {name: array(values, case.shape_of(name, 1)) for name, values in results.items()}
    return WorkedExample(case=case, tensors=tensors, results=expected, y_shape=case.y_shape(1))
