"""The equations of a JAX function as layers: conv_general_dilated, reduce_window, and what stands for other layers.

An array of JAX has no layout of its own. A convolution names its axes; a pool or a flatten is read with those of the
last convolution before it, or with the channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from convbench_backends.extraction.jax.equations import Equation, Value
from convbench_backends.extraction.recorder import RANKS, Recorder, convolution_words, pool_words
from convbench_specs import Conv, Flatten, Pool

NOT_DIVIDED = "it is a sum that is not divided by the size of its window"
UNKNOWN = frozenset({"reduce_window", "reduce_window_min", "select_and_gather_add"})
"""Primitives that slide a window and are no layer of convbench."""
COPIES = frozenset({"broadcast_in_dim", "reshape", "convert_element_type", "squeeze", "copy"})
"""Primitives whose result has the values of their input."""


class JaxprTrace:
    """Records equations in their order."""

    def __init__(self, equations: Sequence[Equation], recorder: Recorder) -> None:
        self.recorder = recorder
        self._equations = equations
        self._channels = -1
        """The axis of the channels, as the last convolution had it."""

    def record(self) -> None:
        """Record every equation."""
        for equation in self._equations:
            record = RECORDED.get(equation.primitive)
            if record is not None:
                record(self, equation)
            elif equation.primitive in UNKNOWN and not _is_ones(equation.inputs[0]):
                self._leave_out(equation, "pool", f"convbench does not know {equation.primitive}")

    def convolution(self, equation: Equation) -> None:
        """conv_general_dilated."""
        x, w, given = equation.inputs[0], equation.inputs[1], equation.parameters
        numbers = given["dimension_numbers"]
        self._channels = numbers.lhs_spec[1]
        shape = tuple(x.shape[axis] for axis in numbers.lhs_spec)
        filters, inner, *kernel = (w.shape[axis] for axis in numbers.rhs_spec)
        rank, (y,) = len(kernel), equation.outputs
        places = [y.shape[axis] for axis in numbers.out_spec[2:]]
        is_transposed = any(step > 1 for step in given["lhs_dilation"])
        taps = prod(shape[2:]) if is_transposed else prod(places)
        flops = 2 * shape[0] * taps * filters * inner * prod(kernel)
        what = convolution_words(filters, kernel, f"{rank}-D convolution" if rank not in RANKS else "convolution")
        padding = tuple((int(before), int(after)) for before, after in given["padding"])
        problem = (
            "convbench has no transposed ones" if is_transposed
            else "convbench has 1-D and 2-D ones" if rank not in RANKS
            else "it groups the batch" if given["batch_group_count"] != 1
            else "its padding is negative, so it crops" if min(map(min, padding)) < 0
            else ""
        )  # fmt: skip
        if problem:
            self._leave_out(equation, what, problem, flops=flops)
            return
        source = _unpadded(x, numbers.lhs_spec)
        if source is not None:
            shape, padding = source[0], tuple((a + c, b + d) for (a, b), (c, d) in zip(source[1], padding, strict=True))
        operation = Conv(
            in_channels=shape[1],
            out_channels=filters,
            kernel_size=tuple(kernel),
            stride=tuple(given["window_strides"]),
            padding=padding,
            dilation=tuple(given["rhs_dilation"]),
            groups=given["feature_group_count"],
            bias=_adds_bias(y, numbers.out_spec[1]),
        )
        self._layer(equation, "conv", operation, shape, x.dtype, flops=flops)

    def max_window(self, equation: Equation) -> None:
        """reduce_window_max."""
        self._window(equation, "max", counts_padding=True)

    def sum_window(self, equation: Equation) -> None:
        """reduce_window_sum: an average pool where its result is divided by the size of the windows."""
        if _is_ones(equation.inputs[0]):  # it counts the taps of each window for another
            return
        (y,) = equation.outputs
        size = prod(equation.parameters["window_dimensions"])
        for reader in y.readers:
            divisor = _divisor(reader, y)
            if divisor is None:
                continue
            if _constant(divisor) == size:
                self._window(equation, "average", counts_padding=True)
                return
            maker = _source(divisor).maker
            if maker is not None and maker.primitive == "reduce_window_sum" and _is_ones(maker.inputs[0]):
                self._window(equation, "average", counts_padding=False)
                return
        self._leave_out(equation, "pool, a sum", NOT_DIVIDED, flops=prod(y.shape) * size)

    def _window(self, equation: Equation, kind: str, *, counts_padding: bool) -> None:
        (x,), given = equation.inputs[:1], equation.parameters
        axes = self._axes(x)
        window, stride = ([given[key][axis] for axis in axes] for key in ("window_dimensions", "window_strides"))
        dilation = [given["window_dilation"][axis] for axis in axes]
        padding = tuple((int(a), int(b)) for a, b in (given["padding"][axis] for axis in axes))
        shape = tuple(x.shape[axis] for axis in axes)
        flops = prod(equation.outputs[0].shape) * prod(window)
        what, rank = pool_words(kind, window[2:]), len(axes) - 2
        problem = (
            "convbench has 1-D and 2-D ones" if rank not in RANKS
            else "its window reaches over the batch or the channels" if max(window[:2]) > 1 or max(stride[:2]) > 1
            else "its input is dilated" if max(given["base_dilation"]) > 1
            else "its padding is negative, so it crops" if min(map(min, padding)) < 0
            else ""
        )  # fmt: skip
        if problem:
            self._leave_out(equation, what, problem, flops=flops)
            return
        operation = Pool(
            kind="max" if kind == "max" else "average",
            kernel_size=tuple(window[2:]),
            stride=tuple(stride[2:]),
            padding=padding[2:],
            dilation=tuple(dilation[2:]),
            count_include_pad=counts_padding or not any(map(any, padding)),
        )
        self._layer(equation, "pool", operation, shape, x.dtype, flops=flops)

    def reduced_maximum(self, equation: Equation) -> None:
        """reduce_max over the spatial axes: a global maximum pool."""
        self._global(equation, "max")

    def reduced_sum(self, equation: Equation) -> None:
        """reduce_sum over the spatial axes, divided by their size: a global average pool."""
        (y,) = equation.outputs
        size = prod(equation.inputs[0].shape[axis] for axis in equation.parameters["axes"])
        divisors = [_divisor(reader, y) for reader in y.readers]
        if any(divisor is not None and _constant(divisor) == size for divisor in divisors):
            self._global(equation, "average")

    def _global(self, equation: Equation, kind: str) -> None:
        x = equation.inputs[0]
        if len(x.shape) != 4 or sorted(equation.parameters["axes"]) != sorted(self._axes(x)[2:]):
            return
        shape = tuple(x.shape[axis] for axis in self._axes(x))
        operation = Pool(kind="max" if kind == "max" else "average", kernel_size="global")
        self._layer(equation, "pool", operation, shape, x.dtype, flops=prod(shape))

    def reshape(self, equation: Equation) -> None:
        """A reshape that makes one row of each instance is a flatten."""
        x, (y,) = equation.inputs[0], equation.outputs
        if len(x.shape) < 3 or len(y.shape) != 2 or x.shape[0] != y.shape[0]:
            return
        if len(x.shape) - 2 not in RANKS:
            self._leave_out(equation, f"flatten of {len(x.shape) - 2} axes", "convbench has 1-D and 2-D ones")
            return
        axes = self._axes(x)
        order = "channels_first" if axes[1] == 1 else "channels_last"
        operation = Flatten(order="channels_first" if order == "channels_first" else "channels_last")
        self._layer(equation, "flatten", operation, tuple(x.shape[axis] for axis in axes), x.dtype)

    def product(self, equation: Equation) -> None:
        """dot_general."""
        a, b = equation.inputs
        (contracted, _), _ = equation.parameters["dimension_numbers"]
        inner = prod(a.shape[axis] for axis in contracted)
        (y,) = equation.outputs
        is_layer = len(a.shape) == len(b.shape) == 2 and a.shape[0] == self.recorder.batch_size
        flops = 2 * prod(y.shape) * inner * equation.times
        self.recorder.product(inner, y.shape[-1] if y.shape else 1, flops, is_layer=is_layer)

    def _axes(self, x: Value) -> list[int]:
        """The axes of an array in canonical order: batch, channels, spatial."""
        rank = len(x.shape)
        channels = 1 if self._channels == 1 else rank - 1
        return [0, channels, *(axis for axis in range(1, rank) if axis != channels)]

    def _layer(
        self, equation: Equation, kind: str, operation: Any, shape: Sequence[int], dtype: str, *, flops: int = 0
    ) -> None:
        if equation.inside:
            reason = f"how often it runs is not known: it is inside {equation.inside}"
            self._leave_out(equation, kind, reason, flops=flops)
            return
        repeated = (shape[0] * equation.times, *shape[1:])
        self.recorder.layer(_name(equation, kind), operation, repeated, dtype, flops=flops * equation.times)

    def _leave_out(self, equation: Equation, what: str, reason: str, *, flops: int = 0) -> None:
        kind = "conv" if "conv" in what else "pool"
        self.recorder.leave_out(_name(equation, kind), what, reason, flops=flops * equation.times)


RECORDED: Mapping[str, Callable[[JaxprTrace, Equation], None]] = {
    "conv_general_dilated": JaxprTrace.convolution,
    "reduce_window_max": JaxprTrace.max_window,
    "reduce_window_sum": JaxprTrace.sum_window,
    "reduce_max": JaxprTrace.reduced_maximum,
    "reduce_sum": JaxprTrace.reduced_sum,
    "reshape": JaxprTrace.reshape,
    "dot_general": JaxprTrace.product,
}
"""What is done with an equation, by its primitive."""


def _name(equation: Equation, kind: str) -> str:
    """The names that the code gave to what it was computing, as jax.named_scope does; else the kind."""
    return equation.scope or kind


def _source(value: Value) -> Value:
    """Where the values of an array are from, before they were only spread or reshaped."""
    while value.maker is not None and value.maker.primitive in COPIES:
        value = value.maker.inputs[0]
    return value


def _constant(value: Value) -> float | None:
    return _source(value).constant


def _is_ones(value: Value) -> bool:
    return _constant(value) == 1.0


def _divisor(equation: Equation, y: Value) -> Value | None:
    """What an equation divides y by, if that is what it does."""
    return equation.inputs[1] if equation.primitive == "div" and equation.inputs[0] is y else None


def _adds_bias(y: Value, channels: int) -> bool:
    """Whether what follows is only the addition of one number a channel."""
    if len(y.readers) != 1 or y.readers[0].primitive != "add":
        return False
    other = next((each for each in y.readers[0].inputs if each is not y), None)
    if other is None:
        return False
    filters = y.shape[channels]
    if other.shape == y.shape and other.maker is not None and other.maker.primitive == "broadcast_in_dim":
        other = other.maker.inputs[0]
    return prod(other.shape) == filters and (len(other.shape) < 2 or other.shape[channels] == filters)


def _unpadded(x: Value, axes: Sequence[int]) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]] | None:
    """The shape before a pad with zeros along spatial axes, and how much it adds; None where x is not such a result."""
    maker = x.maker
    if maker is None or maker.primitive != "pad" or _constant(maker.inputs[1]) != 0:
        return None
    config = [maker.parameters["padding_config"][axis] for axis in axes]
    amounts = tuple((int(before), int(after)) for before, after, _ in config)
    if any(between for *_, between in config) or min(map(min, amounts)) < 0 or any(map(any, amounts[:2])):
        return None
    return tuple(maker.inputs[0].shape[axis] for axis in axes), amounts[2:]
