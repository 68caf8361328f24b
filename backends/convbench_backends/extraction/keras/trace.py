"""Follows the layers of a Keras model while it is called, and reads the parameters of those that are known.

Convolutions and pools that a layer computes by itself, with keras.ops or tf.nn, are told as left out: only a layer of
Keras states its layout and padding. Shapes are brought to canonical order, channels first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import TracebackType
from typing import Any, Self

import keras

from convbench_backends.extraction.recorder import Recorder, convolution_words
from convbench_specs import Conv, Flatten, Padding, Pool

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
FUNCTIONS_OF_KERAS = ("conv", "depthwise_conv", "separable_conv", "conv_transpose", "max_pool", "average_pool")
"""Functions of keras.ops."""
FUNCTIONS_OF_TF = (
    "conv1d", "conv2d", "conv3d", "convolution", "depthwise_conv2d", "separable_conv2d", "conv2d_transpose",
    "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "pool",
)  # fmt: skip
"""Functions of tf.nn."""


class LayerCalls:
    """Records every call of a layer; to be used in a with statement, which changes Keras for that time."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._stack: list[Any] = []
        self._padded: dict[int, tuple[Any, Shape, Pads]] = {}
        """What a layer padded with zeros, by the identity of the result: the result, its source's shape, how much."""
        self._changed: list[tuple[Any, str, Any]] = []
        self._watched = 0

    def __enter__(self) -> Self:
        self._change(keras.layers.Layer, "__call__", self._following(keras.layers.Layer.__call__))
        homes: list[tuple[Any, tuple[str, ...]]] = [
            (keras.ops, FUNCTIONS_OF_KERAS),
            (sys.modules.get("keras.src.ops"), FUNCTIONS_OF_KERAS),
            (getattr(sys.modules.get("tensorflow"), "nn", None), FUNCTIONS_OF_TF),
        ]
        for home, names in homes:
            for name in names:
                if hasattr(home, name):
                    self._change(home, name, self._watching(getattr(home, name), name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name, was in reversed(self._changed):
            setattr(owner, name, was)

    def _change(self, owner: Any, name: str, function: Any) -> None:
        self._changed.append((owner, name, getattr(owner, name)))
        setattr(owner, name, function)

    def _following(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def followed(layer: Any, *args: Any, **kwargs: Any) -> Any:
            self._stack.append(layer)
            try:
                out = call(layer, *args, **kwargs)
                self._record(layer, args[0] if args else None, out)
            finally:
                self._stack.pop()
            return out

        return followed

    def _watching(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            layer = self._stack[-1] if self._stack else None
            is_own = not self._watched and (layer is None or _recorder_of(layer) is None)
            if is_own:
                self._recorder.leave_out(self._name(), name, "a layer of its own computes it, not one of Keras")
            self._watched += 1  # what a function of Keras calls in turn is told with it
            try:
                return function(*args, **kwargs)
            finally:
                self._watched -= 1

        return watched

    def _record(self, layer: Any, x: Any, out: Any) -> None:
        record = _recorder_of(layer)
        if record is not None and hasattr(x, "shape"):
            record(self, layer, x, out)
        elif type(layer).__module__.startswith("keras.") and _is_layer_of_interest(layer):
            self._recorder.leave_out(self._name(), type(layer).__name__, "convbench does not know it")

    def _name(self) -> str:
        """The names of the layers that call each other, without that of the model."""
        names = [layer.name for layer in self._stack]
        return "/".join(names[1:] if len(names) > 1 else names)

    def convolution(self, layer: Any, x: Any, out: Any) -> None:
        """Conv1D and Conv2D; "causal" pads only before."""
        shape, padding = self._input(layer, x)
        if layer.padding == "causal":
            reach = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
            padding = ((reach, 0),)
        self._convolution(
            layer, shape, padding, filters=layer.filters, groups=layer.groups, out=out, bias=layer.use_bias
        )

    def depthwise(self, layer: Any, x: Any, out: Any) -> None:
        """DepthwiseConv1D and DepthwiseConv2D."""
        shape, padding = self._input(layer, x)
        filters = shape[1] * layer.depth_multiplier
        self._convolution(layer, shape, padding, filters=filters, groups=shape[1], out=out, bias=layer.use_bias)

    def separable(self, layer: Any, x: Any, out: Any) -> None:
        """SeparableConv1D and SeparableConv2D: a depthwise convolution, and one of 1 x 1 behind it."""
        shape, padding = self._input(layer, x)
        middle = shape[1] * layer.depth_multiplier
        self._convolution(
            layer, shape, padding, filters=middle, groups=shape[1], out=out, bias=False, part="/depthwise"
        )
        y = _canonical(out.shape, layer.data_format)
        rank = len(layer.kernel_size)
        pointwise = Conv(
            in_channels=middle, out_channels=layer.filters, kernel_size=(1,) * rank, bias=bool(layer.use_bias)
        )
        flops = 2 * prod(y) * middle
        between = (y[0], middle, *y[2:])
        self._recorder.layer(f"{self._name()}/pointwise", pointwise, between, layer.compute_dtype, flops=flops)

    def _convolution(
        self,
        layer: Any,
        shape: Shape,
        padding: Padding,
        *,
        filters: int,
        groups: int,
        out: Any,
        bias: bool,
        part: str = "",
    ) -> None:
        operation = Conv(
            in_channels=shape[1],
            out_channels=filters,
            kernel_size=tuple(layer.kernel_size),
            stride=tuple(layer.strides),
            padding=padding,
            dilation=tuple(layer.dilation_rate),
            groups=groups,
            bias=bool(bias),
        )
        places = prod(_canonical(out.shape, layer.data_format)[2:])
        flops = 2 * shape[0] * places * prod(operation.w_shape)
        self._recorder.layer(self._name() + part, operation, shape, layer.compute_dtype, flops=flops)

    def unknown_convolution(self, layer: Any, x: Any, out: Any) -> None:
        """Transposed convolutions and those of other ranks."""
        rank = len(layer.kernel_size)
        is_transposed = "Transpose" in type(layer).__name__
        kind = "transposed convolution" if is_transposed else f"{rank}-D convolution"
        reason = "convbench has no transposed ones" if is_transposed else "convbench has 1-D and 2-D ones"
        filters = getattr(layer, "filters", 0) or 0
        places = _canonical((x if is_transposed else out).shape, layer.data_format)
        flops = 2 * places[0] * prod(places[2:]) * prod(layer.kernel.shape)
        self._recorder.leave_out(self._name(), convolution_words(filters, layer.kernel_size, kind), reason, flops=flops)

    def pool(self, layer: Any, x: Any, out: Any) -> None:
        """MaxPooling and AveragePooling; an average over "same" counts only what is on the input."""
        shape, padding = self._input(layer, x, may_be_padded=False)
        rank, flops = len(layer.pool_size), prod(out.shape) * prod(layer.pool_size)
        if rank > 2:
            self._recorder.leave_out(self._name(), f"{rank}-D pool", "convbench has 1-D and 2-D ones", flops=flops)
            return
        kind = "max" if "Max" in type(layer).__name__ else "average"
        operation = Pool(
            kind="max" if kind == "max" else "average",
            kernel_size=tuple(layer.pool_size),
            stride=tuple(layer.strides),
            padding=padding,
            count_include_pad=kind == "max" or padding == "valid",
        )
        self._recorder.layer(self._name(), operation, shape, layer.compute_dtype, flops=flops)

    def global_pool(self, layer: Any, x: Any, out: Any) -> None:
        """GlobalMaxPooling and GlobalAveragePooling."""
        shape = _canonical(x.shape, layer.data_format)
        if len(shape) > 4:
            what = f"global {len(shape) - 2}-D pool"
            self._recorder.leave_out(self._name(), what, "convbench has 1-D and 2-D ones", flops=prod(shape))
            return
        kind = "max" if "Max" in type(layer).__name__ else "average"
        operation = Pool(kind="max" if kind == "max" else "average", kernel_size="global")
        self._recorder.layer(self._name(), operation, shape, layer.compute_dtype, flops=prod(shape))

    def flatten(self, layer: Any, x: Any, out: Any) -> None:
        """Flatten, which runs through the channels last in every layout, and a Reshape to one row an instance."""
        if len(x.shape) < 3 or len(out.shape) != 2:
            return
        data_format = getattr(layer, "data_format", None) or keras.config.image_data_format()
        shape = _canonical(x.shape, data_format)
        if len(shape) > 4:
            what = f"flatten of {len(shape) - 2} axes"
            self._recorder.leave_out(self._name(), what, "convbench has 1-D and 2-D ones")
            return
        moves = data_format == "channels_last" or isinstance(layer, keras.layers.Flatten)
        order = "channels_last" if moves else "channels_first"
        operation = Flatten(order="channels_last" if order == "channels_last" else "channels_first")
        self._recorder.layer(self._name(), operation, shape, layer.compute_dtype)

    def dense(self, layer: Any, x: Any, out: Any) -> None:
        """Dense."""
        inputs, outputs = int(x.shape[-1]), int(out.shape[-1])
        flops = 2 * prod(map(int, out.shape)) * inputs
        self._recorder.product(inputs, outputs, flops, is_layer=len(x.shape) == 2)

    def zero_padding(self, layer: Any, x: Any, out: Any) -> None:
        """ZeroPadding1D and ZeroPadding2D: the padding of the convolution that reads the result."""
        shape = _canonical(x.shape, getattr(layer, "data_format", "channels_last"))
        padding = layer.padding if isinstance(layer.padding[0], (tuple, list)) else (layer.padding,)
        self._padded[id(out)] = (out, shape, tuple((int(a), int(b)) for a, b in padding))

    def _input(self, layer: Any, x: Any, *, may_be_padded: bool = True) -> tuple[Shape, Padding]:
        """The canonical shape of an input and the padding, with that of a layer before which only pads."""
        shape = _canonical(x.shape, layer.data_format)
        known = self._padded.get(id(x)) if may_be_padded and layer.padding == "valid" else None
        if known is not None and known[0] is x:
            return known[1], known[2]
        return shape, "same" if layer.padding == "same" else "valid"


Record = Callable[[LayerCalls, Any, Any, Any], None]
RECORDED: Mapping[str, Record] = {
    "Conv1D": LayerCalls.convolution,
    "Conv2D": LayerCalls.convolution,
    "DepthwiseConv1D": LayerCalls.depthwise,
    "DepthwiseConv2D": LayerCalls.depthwise,
    "SeparableConv1D": LayerCalls.separable,
    "SeparableConv2D": LayerCalls.separable,
    "Conv3D": LayerCalls.unknown_convolution,
    "Conv1DTranspose": LayerCalls.unknown_convolution,
    "Conv2DTranspose": LayerCalls.unknown_convolution,
    "Conv3DTranspose": LayerCalls.unknown_convolution,
    "MaxPooling1D": LayerCalls.pool,
    "MaxPooling2D": LayerCalls.pool,
    "MaxPooling3D": LayerCalls.pool,
    "AveragePooling1D": LayerCalls.pool,
    "AveragePooling2D": LayerCalls.pool,
    "AveragePooling3D": LayerCalls.pool,
    "GlobalMaxPooling1D": LayerCalls.global_pool,
    "GlobalMaxPooling2D": LayerCalls.global_pool,
    "GlobalMaxPooling3D": LayerCalls.global_pool,
    "GlobalAveragePooling1D": LayerCalls.global_pool,
    "GlobalAveragePooling2D": LayerCalls.global_pool,
    "GlobalAveragePooling3D": LayerCalls.global_pool,
    "Flatten": LayerCalls.flatten,
    "Reshape": LayerCalls.flatten,
    "Dense": LayerCalls.dense,
    "ZeroPadding1D": LayerCalls.zero_padding,
    "ZeroPadding2D": LayerCalls.zero_padding,
}
"""What is done with a layer, by its class or the class of keras.layers that it is derived from."""


def _recorder_of(layer: Any) -> Record | None:
    """How a layer is read; a class that overrides `call` computes what it likes, and is not known."""
    for cls in type(layer).__mro__:
        if cls.__module__.startswith("keras.src.layers") and cls.__name__ in RECORDED:
            return RECORDED[cls.__name__]
        if "call" in vars(cls):
            return None
    return None


def _is_layer_of_interest(layer: Any) -> bool:
    name = type(layer).__name__
    return ("Conv" in name or "Pool" in name) and not isinstance(layer, keras.Model)


def _canonical(shape: Sequence[Any], data_format: str) -> Shape:
    """(batch, channels, *spatial) from a shape in the layout of a layer."""
    sizes = tuple(map(int, shape))
    return sizes if data_format == "channels_first" else (sizes[0], sizes[-1], *sizes[1:-1])
