"""Sees every operation of a PyTorch model at the dispatcher, below modules and functional calls alike.

At that level there is one convolution, whoever called it, with its numbers resolved; torch.utils.flop_counter counts
at the same level. The model may run on meta tensors, which have shapes and no values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convbench_backends.extraction.pytorch.names import ModuleStack
from convbench_backends.extraction.pytorch.origins import Origin, Origins
from convbench_backends.extraction.recorder import RANKS, Recorder, adaptive_window, convolution_words, pool_words
from convbench_specs import Conv, Flatten, Pool

Arguments = Mapping[str, Any]


class LayerTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type how it is derived from
    """Records the layers of whatever runs inside it."""

    def __init__(self, recorder: Recorder, modules: ModuleStack) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder
        self._modules = modules
        self._origins = Origins()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and record it."""
        name = func._schema.name  # noqa: SLF001  # the one place of its name
        if name not in RECORDED and func.overloadpacket not in flop_registry:
            with self:  # under inference_mode operations come that are made of others
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        out, arguments = func(*args, **(kwargs or {})), _by_name(func, args, kwargs or {})
        self._origins.follow(name, arguments, out)
        short = name.partition("::")[2]
        if (record := RECORDED.get(name)) is not None:
            record(self, arguments, out)
        elif ("conv" in short or "pool" in short) and "backward" not in short:
            self._recorder.leave_out(self._modules.name(short), f"operation {name}", "convbench does not know it")
        elif func.overloadpacket in flop_registry:
            self._product(func, args, kwargs or {}, out)
        return out

    def convolution(self, given: Arguments, out: Any) -> None:
        """aten::convolution: all convolutions of torch.nn and torch.nn.functional."""
        x, w = given["input"], given["weight"]
        rank, shape, dtype = x.dim() - 2, tuple(x.shape), _dtype(x)
        name = self._modules.name("conv")
        taps = prod(shape[2:]) if given["transposed"] else prod(out.shape[2:])
        flops = 2 * shape[0] * taps * w.numel()
        filters = w.shape[1] * given["groups"] if given["transposed"] else w.shape[0]
        if given["transposed"] or rank not in RANKS:
            kind = "transposed convolution" if given["transposed"] else f"{rank}-D convolution"
            what = convolution_words(filters, w.shape[2:], kind)
            reason = "convbench has no transposed ones" if given["transposed"] else "convbench has 1-D and 2-D ones"
            self._recorder.leave_out(name, what, reason, flops=flops)
            return
        pads = tuple((amount, amount) for amount in _each(given["padding"], rank))
        mode, origin = "zeros", self._origins.of(x)
        if origin is not None and origin.change == "padded" and origin.fill == 0:
            shape, pads = origin.shape, _sum(pads, origin.pads)
        elif origin is not None and origin.change == "edge" and not any(map(any, pads)):
            shape, pads, mode = origin.shape, origin.pads, "edge"
        operation = Conv(
            in_channels=shape[1],
            out_channels=filters,
            kernel_size=tuple(w.shape[2:]),
            stride=_each(given["stride"], rank),
            padding=pads,
            dilation=_each(given["dilation"], rank),
            groups=given["groups"],
            bias=given["bias"] is not None,
            padding_mode="edge" if mode == "edge" else "zeros",
        )
        self._recorder.layer(name, operation, shape, dtype, flops=flops)

    def max_pool(self, given: Arguments, out: Any) -> None:
        """aten::max_pool2d_with_indices and its like."""
        self._pool("max", given, out[0] if isinstance(out, (tuple, list)) else out)

    def average_pool(self, given: Arguments, out: Any) -> None:
        """aten::avg_pool2d."""
        if given.get("divisor_override") is not None:
            what = pool_words("average", _each(given["kernel_size"], 2))
            flops = out.numel() * prod(_each(given["kernel_size"], 2))
            self._recorder.leave_out(self._modules.name("pool"), what, "it divides by a number of its own", flops=flops)
            return
        self._pool("average", given, out)

    def _pool(self, kind: str, given: Arguments, out: Any) -> None:
        x, rank = given["self"], 2
        shape = tuple(x.shape)
        if len(shape) == 3:  # without a batch
            shape = (1, *shape)
        kernel = _each(given["kernel_size"], rank)
        stride = _each(given["stride"], rank) if given["stride"] else kernel
        pads = tuple((amount, amount) for amount in _each(given["padding"], rank))
        dilation = _each(given.get("dilation", 1), rank)
        origin = self._origins.of(x)
        if origin is not None and _is_padding_of_pool(origin, kind, given):
            shape, pads = origin.shape, _sum(pads, origin.pads)
        elif origin is not None and origin.change == "unsqueezed":
            shape, kernel, stride, pads, dilation = origin.shape, kernel[1:], stride[1:], pads[1:], dilation[1:]
        operation = Pool(
            kind="max" if kind == "max" else "average",
            kernel_size=kernel,
            stride=stride,
            padding=pads,
            dilation=dilation,
            ceil_mode=given["ceil_mode"],
            count_include_pad=given.get("count_include_pad", True) or not any(map(any, pads)),
        )
        self._recorder.layer(self._modules.name("pool"), operation, shape, _dtype(x), flops=out.numel() * prod(kernel))

    def adaptive_average_pool(self, given: Arguments, out: Any) -> None:
        """aten::_adaptive_avg_pool2d, where it is not a mean."""
        self._adaptive("average", given)

    def adaptive_max_pool(self, given: Arguments, out: Any) -> None:
        """aten::adaptive_max_pool2d."""
        self._adaptive("max", given)

    def _adaptive(self, kind: str, given: Arguments) -> None:
        x = given["self"]
        shape = tuple(x.shape) if x.dim() == 4 else (1, *x.shape)
        outputs = _each(given["output_size"], 2)
        origin = self._origins.of(x)
        if origin is not None and origin.change == "unsqueezed":
            shape, outputs = origin.shape, outputs[1:]
        name, sizes = self._modules.name("pool"), shape[2:]
        if all(n == 1 for n in outputs):
            self._global(kind, name, shape, _dtype(x))
            return
        windows = [adaptive_window(size, n) for size, n in zip(sizes, outputs, strict=True)]
        what = f"adaptive {kind} pool, {' x '.join(map(str, sizes))} to {' x '.join(map(str, outputs))}"
        if outputs == sizes:
            self._recorder.leave_out(name, what, "it returns its input", in_scope=False)
        elif None in windows:
            self._recorder.leave_out(name, what, "its windows differ in size", flops=x.numel())
        else:
            fixed = [window for window in windows if window is not None]
            operation = Pool(
                kind="max" if kind == "max" else "average",
                kernel_size=tuple(kernel for kernel, _ in fixed),
                stride=tuple(stride for _, stride in fixed),
            )
            self._recorder.layer(name, operation, shape, _dtype(x), flops=x.numel())

    def mean(self, given: Arguments, out: Any) -> None:
        """aten::mean over both spatial axes: a global average pool, written as one or not."""
        self._reduced("average", given)

    def maximum(self, given: Arguments, out: Any) -> None:
        """aten::amax over both spatial axes: a global maximum pool."""
        self._reduced("max", given)

    def _reduced(self, kind: str, given: Arguments) -> None:
        x, dims = given["self"], given["dim"]
        if x.dim() not in (4, 5) or dims is None or sorted(d % x.dim() for d in dims) != list(range(2, x.dim())):
            return
        if x.dim() == 5:
            self.pool_3d(given, x)
            return
        origin = self._origins.of(x)
        shape = origin.shape if origin is not None and origin.change == "unsqueezed" else tuple(x.shape)
        self._global(kind, self._modules.name("pool"), shape, _dtype(x))

    def _global(self, kind: str, name: str, shape: Sequence[int], dtype: str) -> None:
        operation = Pool(kind="max" if kind == "max" else "average", kernel_size="global")
        self._recorder.layer(name, operation, shape, dtype, flops=prod(shape))

    def pool_3d(self, given: Arguments, out: Any) -> None:
        """Any pool over three spatial axes."""
        kernel = given.get("kernel_size") or ()
        y = out[0] if isinstance(out, (tuple, list)) else out
        flops = y.numel() * prod(_each(kernel, 3)) if kernel else given["self"].numel()
        self._recorder.leave_out(self._modules.name("pool"), "3-D pool", "convbench has 1-D and 2-D ones", flops=flops)

    def view(self, given: Arguments, out: Any) -> None:
        """aten::view and its like: a flatten where each instance becomes one row."""
        x = given["self"]
        if x.dim() < 3 or out.dim() != 2 or out.shape[0] != x.shape[0] or x.numel() == 0:
            return
        name, origin = self._modules.name("flatten"), self._origins.of(x)
        if x.dim() > 4:
            self._recorder.leave_out(name, f"flatten of {x.dim() - 2} axes", "convbench has 1-D and 2-D ones")
        elif origin is not None and origin.change == "channels_last":
            self._recorder.layer(name, Flatten(order="channels_last"), origin.shape, _dtype(x))
        else:
            self._recorder.layer(name, Flatten(), tuple(x.shape), _dtype(x))

    def _product(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        flops = int(flop_registry[func.overloadpacket](*args, **kwargs, out_val=out))
        matrices = [each for each in args if isinstance(each, torch.Tensor) and each.dim() == 2][-2:]
        is_layer = len(matrices) == 2 and func._schema.name in {"aten::mm", "aten::addmm"}  # noqa: SLF001  # as above
        inputs, outputs = (matrices[1].shape[0], matrices[1].shape[1]) if is_layer else (0, 0)
        rows = matrices[0].shape[0] if is_layer else 0
        self._recorder.product(inputs, outputs, flops, is_layer=is_layer and rows == self._recorder.batch_size)


RECORDED: Mapping[str, Callable[[LayerTrace, Arguments, Any], None]] = {
    "aten::convolution": LayerTrace.convolution,
    "aten::_convolution": LayerTrace.convolution,  # of TorchScript
    "aten::max_pool2d_with_indices": LayerTrace.max_pool,
    "aten::max_pool2d": LayerTrace.max_pool,
    "aten::mkldnn_max_pool2d": LayerTrace.max_pool,
    "aten::avg_pool2d": LayerTrace.average_pool,
    "aten::_adaptive_avg_pool2d": LayerTrace.adaptive_average_pool,
    "aten::adaptive_avg_pool2d": LayerTrace.adaptive_average_pool,
    "aten::adaptive_max_pool2d": LayerTrace.adaptive_max_pool,
    "aten::max_pool3d_with_indices": LayerTrace.pool_3d,
    "aten::avg_pool3d": LayerTrace.pool_3d,
    "aten::_adaptive_avg_pool3d": LayerTrace.pool_3d,
    "aten::adaptive_max_pool3d": LayerTrace.pool_3d,
    "aten::mean": LayerTrace.mean,
    "aten::amax": LayerTrace.maximum,
    "aten::view": LayerTrace.view,
    "aten::_unsafe_view": LayerTrace.view,
    "aten::reshape": LayerTrace.view,
    "aten::_reshape_alias": LayerTrace.view,
    "aten::flatten": LayerTrace.view,
}
"""What is done with an operation, by its name in the dispatcher."""


def _by_name(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, with defaults."""
    declared = func._schema.arguments  # noqa: SLF001  # as above
    found = {each.name: each.default_value for each in declared if each.has_default_value()}
    found |= {each.name: value for each, value in zip(declared, args, strict=False)}
    return found | dict(kwargs)


def _each(value: Any, rank: int) -> tuple[int, ...]:
    """One number an axis."""
    values = [value] if isinstance(value, int) else list(value)
    return tuple(map(int, values * rank if len(values) == 1 else values))


def _sum(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(one, other, strict=True))


def _is_padding_of_pool(origin: Origin, kind: str, given: Arguments) -> bool:
    """Whether the pool on the padded tensor is a pool with that padding."""
    if origin.change != "padded" or given["ceil_mode"]:
        return False
    if kind == "max":
        return origin.fill == -inf
    return origin.fill == 0 and bool(given["count_include_pad"])


def _dtype(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")
