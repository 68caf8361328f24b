"""Every operation of the spec as TensorFlow operations on (x, w, b), channels last.

A formula is cut in two, so that a backward pass need not repeat the padding: y = core(pad(x), w, b). TensorFlow's
operations are used where they do the case. What they cannot do, each kept by a test:

- Gradients of dilated or grouped convolutions exist on a CPU for "SAME" and "VALID" alone; a list of amounts fails, and
  has slow gradients elsewhere. So padding is "SAME" where that means the same amounts, and tf.pad where not.
- Pooling has two spatial axes and no dilation together with a stride; the maximum over channels has no gradient. One
  axis becomes a picture of height 1, channels the width of a picture with one channel, dilated taps shifted slices.
- An average never counts padding. Padding that counts is put around x; where only some of it does, shifted slices are
  summed and divided.
- float16 averages add up in float16 and divide by 2048 at most; large windows of 16 bits are averaged in float32.
- tf.pad knows no edge mode.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # TensorFlow ships no types

from convbench_backends.shared.one_column import axes_of
from convbench_backends.shared.taps import divisors, fold_taps, needs_wide_sums, window_area
from convbench_specs import Axis, Case, Conv, Flatten, PaddingMode, Pool, same_padding

Tensor = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """y = core(pad(x), w, b), as far as the case has w and b.

    `recomputes_forward` says that the gradient of core needs y, so that a graph of the gradient alone has to run core.
    """

    core: Callable[..., Tensor]
    pad: Callable[[Tensor], Tensor] = tf.identity
    recomputes_forward: bool = False
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A case as an operation on a picture: x of shape `view`, (N, height, width, C), windows along `axes`."""

    view: tuple[int, int, int, int]
    axes: tuple[Axis, Axis]
    y_shape: tuple[int, ...]
    """Of the native y, channels last."""

    @property
    def is_padded(self) -> bool:
        """Whether any window reads padding."""
        return any(axis.before or axis.behind for axis in self.axes)


def formula_of(case: Case, batch_size: int) -> Formula:
    """How TensorFlow computes a case on a batch."""
    operation = case.operation
    if isinstance(operation, Flatten):
        return _flatten(operation, case.y_shape(batch_size))
    picture = picture_of(case, batch_size)
    if isinstance(operation, Conv):
        return _convolution(operation, replace(picture, axes=(picture.axes[0], axes_of(case)[-1])))
    if operation.kind == "max":
        return _dilated_max(picture) if _is_dilated(picture.axes) else _max_pool(picture)
    average = _average(case, operation, picture)
    return _in_float32(average) if needs_wide_sums(case) else average


def picture_of(case: Case, batch_size: int) -> Picture:
    """The picture that a case is about; see the module's rules."""
    channels, *sizes = case.input_shape
    y_channels, *y_sizes = case.output_shape
    y_shape = (batch_size, *y_sizes, y_channels)
    if isinstance(case.operation, Pool) and case.operation.over == "channels":
        over, places = case.axes
        return Picture(view=(batch_size, places.size, over.size, 1), axes=(places, over), y_shape=y_shape)
    height = 1 if len(sizes) == 1 else sizes[0]
    first = Axis(size=1, kernel=1) if len(sizes) == 1 else case.axes[0]
    return Picture(view=(batch_size, height, sizes[-1], channels), axes=(first, case.axes[-1]), y_shape=y_shape)


def _flatten(operation: Flatten, y_shape: tuple[int, ...]) -> Formula:
    if operation.order == "channels_last":
        return Formula(core=lambda x: tf.reshape(x, y_shape), algorithm="reshape (view)")

    def core(x: Tensor) -> Tensor:
        return tf.reshape(tf.transpose(x, (0, x.shape.rank - 1, *range(1, x.shape.rank - 1))), y_shape)

    return Formula(core=core, algorithm="transpose + reshape (copy)")


def _convolution(operation: Conv, picture: Picture) -> Formula:
    padding, pad, padded = _padding(picture, operation.padding_mode)
    strides = tuple(axis.stride for axis in picture.axes)
    dilations = tuple(axis.dilation for axis in picture.axes)

    def core(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        filters = tf.reshape(w, (*(axis.kernel for axis in picture.axes), *w.shape[-2:]))
        y = tf.nn.conv2d(x, filters, strides, padding, dilations=dilations)
        return tf.reshape(y if b is None else tf.nn.bias_add(y, b), picture.y_shape)

    return Formula(core=core, pad=pad, algorithm=f"{padded}conv2d {padding}")


def _max_pool(picture: Picture) -> Formula:
    padding, pad, padded = _padding(picture, fill=-np.inf)
    kernel, strides = _window(picture)

    def core(x: Tensor) -> Tensor:
        return tf.reshape(tf.nn.max_pool2d(x, kernel, strides, padding), picture.y_shape)

    # MaxPoolGrad takes a kept y too, but outside the graph that made y it is not oneDNN's, and several times as slow.
    return Formula(core=core, pad=pad, recomputes_forward=True, algorithm=f"{padded}max_pool2d {padding}")


def _dilated_max(picture: Picture) -> Formula:
    """tf.where hands the gradient to the side that it took: the first of equal taps, as > is strict."""
    dimensions = list(enumerate(picture.axes, start=1))

    def core(x: Tensor) -> Tensor:
        largest = fold_taps(x, dimensions, lambda a, b: tf.where(b > a, b, a))
        return tf.reshape(largest, picture.y_shape)

    pad = _pad_around(picture, fill=-np.inf)
    return Formula(core=core, pad=pad, recomputes_forward=True, algorithm="maximum of shifted slices")


def _average(case: Case, operation: Pool, picture: Picture) -> Formula:
    if operation.over == "channels":
        return _channel_mean(picture)
    return _global_mean(picture) if operation.kernel_size == "global" else _average_pool(case, picture)


def _in_float32(formula: Formula) -> Formula:
    """The same average, taken in float32 and rounded once."""

    def core(x: Tensor) -> Tensor:
        return tf.cast(formula.core(tf.cast(x, tf.float32)), x.dtype)

    return replace(formula, core=core, algorithm=f"{formula.algorithm} in float32")


def _global_mean(picture: Picture) -> Formula:
    def core(x: Tensor) -> Tensor:
        return tf.reshape(tf.reduce_mean(x, [1, 2]), picture.y_shape)

    return Formula(core=core, pad=_as_picture(picture), algorithm="reduce_mean")


def _channel_mean(picture: Picture) -> Formula:
    over = picture.axes[1]
    groups = (*picture.view[:2], over.output, over.kernel)

    def core(x: Tensor) -> Tensor:
        whole = x[:, :, : over.output * over.kernel]
        return tf.reshape(tf.reduce_mean(tf.reshape(whole, groups), 3), picture.y_shape)

    return Formula(core=core, pad=_as_picture(picture), algorithm="reduce_mean of groups")


def _average_pool(case: Case, picture: Picture) -> Formula:
    counts = divisors(case)
    if _is_dilated(picture.axes):
        return _divided_sum(picture, counts)
    if all(map(_is_same, picture.axes)) and _divides_by_input(case):
        padding, pad, padded = "SAME", _as_picture(picture), ""
    elif np.array_equal(counts, window_area(case)):
        padding, pad, padded = "VALID", _pad_around(picture), "pad + " if picture.is_padded else ""
    else:
        return _divided_sum(picture, counts)
    kernel, strides = _window(picture)

    def core(x: Tensor) -> Tensor:
        return tf.reshape(tf.nn.avg_pool2d(x, kernel, strides, padding), picture.y_shape)

    return Formula(core=core, pad=pad, algorithm=f"{padded}avg_pool2d {padding}")


def _divided_sum(picture: Picture, counts: Any) -> Formula:
    dimensions, outputs = list(enumerate(picture.axes, start=1)), [axis.output for axis in picture.axes]
    # Of a division by a constant TensorFlow makes a product with its reciprocal, and gets 1 / 4 wrong in the last bit.
    reciprocal = 1 / (counts.reshape((1, *outputs, 1)) if isinstance(counts, np.ndarray) else counts)

    def core(x: Tensor) -> Tensor:
        total = fold_taps(x, dimensions, operator.add)
        return tf.reshape(total * tf.constant(reciprocal, total.dtype), picture.y_shape)

    padded = "pad + " if picture.is_padded else ""
    return Formula(core=core, pad=_pad_around(picture), algorithm=f"{padded}sum of shifted slices")


def _padding(
    picture: Picture, mode: PaddingMode = "zeros", *, fill: float = 0.0
) -> tuple[str, Callable[[Tensor], Tensor], str]:
    """(padding of TensorFlow's operation, function that goes before it, how to name that before the operation)."""
    if mode == "zeros" and picture.is_padded and all(map(_is_same, picture.axes)):
        return "SAME", _as_picture(picture), ""
    return "VALID", _pad_around(picture, mode, fill), "pad + " if picture.is_padded else ""


def _as_picture(picture: Picture) -> Callable[[Tensor], Tensor]:
    return lambda x: _picture(x, picture)


def _picture(x: Tensor, picture: Picture) -> Tensor:
    """The picture that x is, without columns that no window reads: see axes_of."""
    x, width = tf.reshape(x, picture.view), picture.axes[-1].size
    return x if width == picture.view[2] else x[:, :, :width]


def _pad_around(picture: Picture, mode: PaddingMode = "zeros", fill: float = 0.0) -> Callable[[Tensor], Tensor]:
    """From x to the picture, padded by what the windows read."""
    amounts = [(axis.before, axis.behind) for axis in picture.axes]

    def pad(x: Tensor) -> Tensor:
        x = _picture(x, picture)
        if not picture.is_padded:
            return x
        if mode == "zeros":
            return tf.pad(x, [(0, 0), *amounts, (0, 0)], constant_values=fill)
        for dimension, (before, behind) in enumerate(amounts, start=1):
            first, last = tf.split(x, [1, -1], dimension)[0], tf.split(x, [-1, 1], dimension)[1]
            x = tf.concat([tf.repeat(first, before, dimension), x, tf.repeat(last, behind, dimension)], dimension)
        return x

    return pad


def _window(picture: Picture) -> tuple[list[int], list[int]]:
    """(kernel size, strides)."""
    return [axis.kernel for axis in picture.axes], [axis.stride for axis in picture.axes]


def _is_dilated(axes: tuple[Axis, ...]) -> bool:
    return any(axis.dilation > 1 for axis in axes)


def _is_same(axis: Axis) -> bool:
    """Whether "SAME" gives these windows: as many of them, with the first at the same place."""
    before = same_padding(axis.size, axis.kernel, axis.stride, axis.dilation)[0]
    return axis.before == before and axis.output == -(-axis.size // axis.stride)


def _divides_by_input(case: Case) -> bool:
    """Whether an average divides by the taps on the input, as "SAME" does."""
    operation = case.operation
    assert isinstance(operation, Pool)
    return not operation.count_include_pad or all(
        np.array_equal(axis.taps(count_padding=True), axis.taps()) for axis in case.axes
    )
