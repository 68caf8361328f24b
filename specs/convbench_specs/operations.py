"""The three operations: Conv, Pool and Flatten, with all their parameters and no tensor sizes but channels.

Names and defaults are PyTorch's. Numbers for a spatial parameter may be given once for all axes; they are stored one an
axis. What a case on a given input means in numbers is worked out in case.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from convbench_specs.axis import LARGEST
from convbench_specs.errors import SpecError
from convbench_specs.padding import Padding, PaddingMode, parse_padding

PoolKind = Literal["max", "average"]
OperationName = Literal["conv", "pool", "flatten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """Cross-correlation, as every framework's convolution layer computes it, over one or two spatial axes.

        y[n, k, o] = b[k] + sum over c, t of x[n, g * C/groups + c, o * stride - before + t * dilation] * w[k, c, t]

    x is (N, in_channels, *spatial), w is (out_channels, in_channels / groups, *kernel_size), b is (out_channels,),
    y is (N, out_channels, *output); g is the group of k. groups == in_channels is depthwise, with out_channels /
    in_channels filters per channel. The kernel is not flipped. padding_mode "edge" repeats the border element.
    """

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] = (1,)
    padding: Padding = "valid"
    dilation: tuple[int, ...] = (1,)
    groups: int = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    def __post_init__(self) -> None:
        _at_least(1, in_channels=self.in_channels, out_channels=self.out_channels, groups=self.groups)
        rank = _set_windows(self)
        if rank not in (1, 2):
            raise SpecError("kernel_size", f"must have 1 or 2 spatial axes, not {rank}")
        for key, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise SpecError("groups", f"must divide {key}: {self.groups} does not divide {channels}")
        one_of("padding_mode", self.padding_mode, ("zeros", "edge"))
        _a_bool("bias", self.bias)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.kernel_size)

    @property
    def is_depthwise(self) -> bool:
        """Whether each input channel is convolved on its own."""
        return self.groups == self.in_channels and self.groups > 1

    @property
    def w_shape(self) -> tuple[int, ...]:
        """Shape of the weights: (out_channels, in_channels / groups, *kernel_size)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        weights = 1
        for length in self.w_shape:
            weights *= length
        return weights + (self.out_channels if self.bias else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Maximum or average over a window.

    - stride defaults to kernel_size. kernel_size "global" takes the whole input: one number per feature map.
    - over "channels" pools groups of kernel_size channels (depthwise pooling), stride equal to the size.
    - Padding never wins a maximum. An average divides by the taps on the input and its padding, or with
      count_include_pad=False by those on the input; what ceil mode hangs over is never counted.
    - The gradient of a maximum goes to the first of equal elements, in row-major order; 0 and -0 are equal.
    - NaN is larger than any number: the maximum of a window with a NaN is NaN, and its gradient goes to the first one.
    - A window that sees no input at all is an error of the case.
    """

    kind: PoolKind
    kernel_size: tuple[int, ...] | Literal["global"]
    stride: tuple[int, ...] | None = None
    padding: Padding = "valid"
    dilation: tuple[int, ...] = (1,)
    ceil_mode: bool = False
    count_include_pad: bool = True
    over: Literal["space", "channels"] = "space"

    def __post_init__(self) -> None:
        one_of("kind", self.kind, ("max", "average"))
        one_of("over", self.over, ("space", "channels"))
        _a_bool("ceil_mode", self.ceil_mode)
        _a_bool("count_include_pad", self.count_include_pad)
        if isinstance(self.kernel_size, str):
            one_of("kernel_size", self.kernel_size, ("global",))
            self._require_defaults("a global pool")
            return
        if self.over == "channels":
            object.__setattr__(self, "kernel_size", spatial("kernel_size", self.kernel_size, 1))
            self._require_defaults("a pool over channels")
            return
        if self.stride is None:
            object.__setattr__(self, "stride", self.kernel_size)
        _set_windows(self)

    def _require_defaults(self, what: str) -> None:
        for key, default in (("stride", None), ("padding", "valid"), ("dilation", (1,)), ("ceil_mode", False)):
            if getattr(self, key) != default:
                raise SpecError(key, f"cannot be chosen for {what}")
        if self.over == "channels" and self.kernel_size == "global":
            raise SpecError("kernel_size", "must be a number for a pool over channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten:
    """All features of an instance in one row: (N, C, *spatial) -> (N, C * prod(spatial)).

    order "channels_first" runs through C, H, W as torch.flatten does; "channels_last" through H, W, C, as Keras does on
    its default layout. A backend that keeps channels last must permute for the first, one that keeps them first for
    the second.
    """

    order: Literal["channels_first", "channels_last"] = "channels_first"

    def __post_init__(self) -> None:
        one_of("order", self.order, ("channels_first", "channels_last"))


Operation = Conv | Pool | Flatten


def spatial(key: str, value: object, rank: int, *, least: int = 1) -> tuple[int, ...]:
    """One number an axis from a number or a sequence of `rank` numbers; SpecError where it is neither."""
    values = [value] * rank if isinstance(value, int) else value
    if not isinstance(values, Sequence) or isinstance(values, str) or not all(type(v) is int for v in values):
        raise SpecError(key, f"must be a whole number or a list of them, not {value!r}")
    if len(values) == 1:
        values = [*values] * rank
    if len(values) != rank:
        raise SpecError(key, f"must have one number or {rank}, one an axis, not {len(values)}")
    if not values or min(values) < least:
        raise SpecError(key, f"must be at least {least}, not {value!r}")
    if max(values) > LARGEST:
        raise SpecError(key, f"must be at most {LARGEST:,}")
    return tuple(values)


def _set_windows(operation: Conv | Pool) -> int:
    """Normalise the parameters that have a number an axis; returns the rank."""
    size = operation.kernel_size
    rank = 1 if isinstance(size, int) else len(size)
    for key in ("kernel_size", "stride", "dilation"):
        object.__setattr__(operation, key, spatial(key, getattr(operation, key), rank))
    object.__setattr__(operation, "padding", parse_padding(operation.padding, rank))
    return rank


def _at_least(least: int, **values: object) -> None:
    for key, value in values.items():
        if type(value) is not int or value < least:
            raise SpecError(key, f"must be a whole number of at least {least}, not {value!r}")
        if value > LARGEST:
            raise SpecError(key, f"must be at most {LARGEST:,}")


def one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise SpecError where the value is none of those allowed."""
    if value not in allowed:
        raise SpecError(key, f"must be {' or '.join(map(repr, allowed))}, not {value!r}")


def _a_bool(key: str, value: object) -> None:
    if not isinstance(value, bool):
        raise SpecError(key, f"must be true or false, not {value!r}")
