"""The passes of a case over resident arrays: canonical shapes outside, images and planes inside.

float16 is storage: it is widened to float32 in the pass, computed, and rounded once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convbench_backends.numpy_im2col import pooling as pools
from convbench_backends.numpy_im2col.blocks import Convolution
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.im2col import Array
from convbench_backends.numpy_im2col.levels import Blocked, Level, Textbook
from convbench_backends.numpy_im2col.windows import windows_of
from convbench_specs import Case, Conv, Flatten, Gradients, Pool, Prepared, Step, Tensors


def prepare_conv(case: Case, tensors: Tensors, crew: Crew, *, textbook: bool = False) -> Prepared:
    """Convolution, in blocks or by the textbook: a signal of rank 1 is an image of width 1."""
    operation = case.operation
    assert isinstance(operation, Conv)
    assert tensors.w is not None
    conv = Convolution(
        windows=windows_of(case),
        groups=operation.groups,
        channels=operation.in_channels,
        filters=operation.out_channels,
    )
    x, w, dy = (_image(array) for array in (tensors.x, tensors.w, tensors.dy))
    b = None if tensors.b is None else np.array(tensors.b)
    y_shape, x_shape, w_shape = tensors.dy.shape, tensors.x.shape, tensors.w.shape

    level: Level = Textbook(conv, crew) if textbook else Blocked(conv, crew, len(x), _wide(x[:0]).dtype)

    def forward() -> Array:
        return _as(level.forward(_wide(x), _wide(w), None if b is None else _wide(b)), y_shape, x.dtype)

    def backward() -> Gradients:
        dx, dw, db = level.backward(_wide(x), _wide(w), _wide(dy))
        return (
            _as(dx, x_shape, x.dtype),
            _as(dw, w_shape, x.dtype),
            None if b is None else db.astype(x.dtype, copy=False),
        )

    def update(new: Tensors) -> None:
        assert new.w is not None
        for own, array in ((x, new.x), (w, new.w), (dy, new.dy)):
            np.copyto(own, array.reshape(own.shape))
        if b is not None and new.b is not None:
            np.copyto(b, new.b)

    def update_dy(new: Array) -> None:
        np.copyto(dy, new.reshape(dy.shape))

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,  # backward needs x and w alone, which stay anyway
        algorithm=level.algorithm,
        update=update,
        update_dy=update_dy,
    )


def prepare_pool(case: Case, tensors: Tensors, crew: Crew) -> Prepared:
    """Pooling: x_view_shape brings every pool to planes. The backward of a maximum has y from an earlier forward."""
    operation = case.operation
    assert isinstance(operation, Pool)
    x, dy = np.array(tensors.x), np.array(tensors.dy)
    pool = pools.pooling_of(case, _wide(x[:0]).dtype)
    planes = (-1, *(axis.size for axis in (pool.rows, pool.columns)))
    windows = (-1, *(axis.output for axis in (pool.rows, pool.columns)))
    is_max = operation.kind == "max"

    def forward() -> Array:
        reduce = pools.maximum if is_max else pools.average
        return _as(reduce(_wide(x).reshape(planes), pool, crew), dy.shape, x.dtype)

    def gradient(y: Array) -> Gradients:
        wide_dy = _wide(dy).reshape(windows)
        if is_max:
            dx = pools.maximum_gradient(_wide(x).reshape(planes), _wide(y).reshape(windows), wide_dy, pool, crew)
        else:
            dx = pools.average_gradient(wide_dy, pool, crew)
        return _as(dx, x.shape, x.dtype), None, None

    def both() -> Step:
        y = forward()
        return y, *gradient(y)

    saved: Array | None = forward() if is_max else x[:0]
    keeps = False

    def kept_forward() -> Array:
        nonlocal saved, keeps
        saved, keeps = forward(), True
        return saved

    def update(new: Tensors) -> None:
        nonlocal saved
        np.copyto(x, new.x)
        np.copyto(dy, new.dy)
        if is_max:
            saved = None if keeps else forward()

    def update_dy(new: Array) -> None:
        np.copyto(dy, new)

    def backward() -> Gradients:
        return gradient(forward() if saved is None else saved)

    return Prepared(
        forward=forward,
        backward=backward,
        both=both,
        forward_for_training=forward,  # y tells a maximum's backward where it was
        algorithm="two passes" if is_max or not pool.is_whole else "product with ones",
        update=update,
        kept_forward=kept_forward if is_max else None,
        update_dy=update_dy,
    )


def prepare_flatten(case: Case, tensors: Tensors) -> Prepared:
    """Flatten: a view in the order of memory, and one permuted copy for the order channels last."""
    operation = case.operation
    assert isinstance(operation, Flatten)
    x, dy = np.array(tensors.x), np.array(tensors.dy)

    def update(new: Tensors) -> None:
        # Not written in place: results are views, of a single channel in the order channels last too.
        nonlocal x, dy
        x, dy = np.array(new.x), np.array(new.dy)

    if operation.order == "channels_first":
        return Prepared(
            forward=lambda: x.reshape(dy.shape),
            backward=lambda: (dy.reshape(x.shape), None, None),
            forward_for_training=lambda: x.reshape(dy.shape),
            algorithm="view",
            update=update,
        )
    last = (x.shape[0], *x.shape[2:], x.shape[1])

    def forward() -> Array:
        return np.ascontiguousarray(np.moveaxis(x, 1, -1)).reshape(dy.shape)

    def backward() -> Gradients:
        return np.ascontiguousarray(np.moveaxis(dy.reshape(last), -1, 1)), None, None

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm="permuted copy",
        update=update,
    )


def _image(array: Array) -> Array:
    """A copy of (A, B, *spatial) as (A, B, height, width)."""
    return np.array(array).reshape(array.shape if array.ndim == 4 else (*array.shape, 1))


def _wide(array: Array) -> Array:
    """The dtype to compute in."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _as(result: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return result.reshape(shape).astype(dtype, copy=False)
