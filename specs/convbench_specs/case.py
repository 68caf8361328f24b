"""A case: one operation on one input shape and dtype, the unit that a workload lists.

The case works out every number that a backend, the oracle or a report needs; nobody computes a shape twice. Pooling
over channels or over the whole input is brought to an ordinary spatial window by `view_shape`, so a backend needs one
pooling kernel: reshape x to x_view, slide the windows of `axes`, reshape to y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

from numpy.typing import NDArray

from convbench_specs.axis import Axis
from convbench_specs.errors import SpecError
from convbench_specs.operations import Conv, Flatten, Operation, OperationName, Pool, one_of, spatial
from convbench_specs.padding import same_padding

DType = Literal["float64", "float32", "bfloat16", "float16"]
PassName = Literal["forward", "backward", "both"]
TensorName = Literal["y", "dx", "dw", "db"]
DataSource = Literal["random", "negative", "photos", "shifted", "turned"]
FilterSource = Literal["random", "lines", "laplacian"]

DTYPES: dict[DType, int] = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of an element, by dtype."""
PASSES: tuple[PassName, ...] = ("forward", "backward", "both")
ALIGNMENT_BYTES = 64
"""Where arrays begin in memory: a cache line, and the widest vector register of today's processors."""
PHOTO_SHAPE = (3, 427, 640)
"""Shape of scikit-learn's sample images, uncropped."""
TURNS = 4
"""Quarters of a turn: how many drawings there are of "turned", and how many filters look at each."""
SMALLEST_TURNED = 7
"""Width of the smallest "turned" drawing; it is odd, so that there is a middle to turn it about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """What a pass reads, in canonical layout: x and dy of (N, C, *spatial), w and b where the operation has them.

    The arrays are read-only and valid until the next `prepare` of another case. They are in row-major order without
    gaps, in the byte order of the machine, and begin at a multiple of ALIGNMENT_BYTES.
    """

    x: NDArray[Any]
    dy: NDArray[Any]
    w: NDArray[Any] | None = None
    b: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An operation on an input of shape input_shape = (C, *spatial), without the batch.

    `x_data` "negative" has numbers below zero, so that a maximum over padding must not be the padding's; "photos" takes
    scikit-learn's two sample images, centre-cropped; "shifted" and "turned" are drawings that show what pooling does.
    `w_data` "lines" has a vertical and a horizontal line filter in turn, "laplacian" the filter of 3 x 3 that keeps
    edges. Raises SpecError for what no backend could compute.
    """

    name: str
    operation: Operation
    input_shape: tuple[int, ...]
    dtype: DType = "float32"
    x_data: DataSource = "random"
    w_data: FilterSource = "random"

    def __post_init__(self) -> None:
        shape = spatial("input", self.input_shape, len(self.input_shape))
        object.__setattr__(self, "input_shape", shape)
        one_of("dtype", self.dtype, tuple(DTYPES))
        self._check_rank()
        for number, axis in enumerate(self.axes):
            if axis.output < 1:
                key, what = "kernel_size", f"{axis.kernel} with dilation {axis.dilation} spans {axis.extent}"
                raise SpecError(key, f"is larger than the padded input: {what} of {axis.padded} on axis {number}")
            if isinstance(self.operation, Pool) and axis.fewest_taps < 1:
                raise SpecError("padding", f"leaves a pooling window without input on axis {number}")
        self._check_sources()

    def _check_rank(self) -> None:
        operation, rank = self.operation, len(self.input_shape) - 1
        if rank not in (1, 2):
            raise SpecError("input", f"must be [channels, width] or [channels, height, width], not {self.input_shape}")
        if isinstance(operation, Conv):
            if self.input_shape[0] != operation.in_channels:
                raise SpecError("in_channels", f"is {operation.in_channels}, the input has {self.input_shape[0]}")
            if operation.rank != rank:
                raise SpecError("kernel_size", f"has {operation.rank} spatial axes, the input {rank}")
        elif isinstance(operation, Pool) and operation.over == "space" and operation.kernel_size != "global":
            pool_rank = len(operation.kernel_size)
            if pool_rank != rank:
                raise SpecError("kernel_size", f"has {pool_rank} spatial axes, the input {rank}")

    def _check_sources(self) -> None:
        one_of("x", self.x_data, ("random", "negative", "photos", "shifted", "turned"))
        one_of("w", self.w_data, ("random", "lines", "laplacian"))
        if self.x_data == "photos":
            shape, largest = list(self.input_shape), PHOTO_SHAPE[1:]
            if len(shape) != 3 or shape[0] != PHOTO_SHAPE[0]:
                raise SpecError("x", f"photos have an input of [3, height, width], not {shape}")
            if shape[1] > largest[0] or shape[2] > largest[1]:
                raise SpecError("x", f"photos are {largest[0]} x {largest[1]} at most, not {shape[1]} x {shape[2]}")
        elif self.x_data in ("shifted", "turned"):
            self._check_drawing()
        if self.w_data == "random":
            return
        if not isinstance(self.operation, Conv):
            raise SpecError("w", "is only for a convolution")
        if self.w_data == "laplacian" and self.operation.kernel_size != (3, 3):
            raise SpecError("w", f"the Laplacian has a kernel of 3 x 3, not {list(self.operation.kernel_size)}")

    def _check_drawing(self) -> None:
        if len(self.input_shape) != 3:
            raise SpecError("x", f"drawings have an input of [channels, height, width], not {list(self.input_shape)}")
        channels, height, width = self.input_shape
        size_is_right = height == width >= SMALLEST_TURNED and width % 2 == 1
        if self.x_data == "turned" and not (channels == TURNS * TURNS and size_is_right):
            right = f"[{TURNS * TURNS}, size, size] with an odd size of at least {SMALLEST_TURNED}"
            raise SpecError("x", f"turned drawings have an input of {right}, not {list(self.input_shape)}")

    @property
    def operation_name(self) -> OperationName:
        """conv, pool or flatten."""
        operation = self.operation
        return "conv" if isinstance(operation, Conv) else "pool" if isinstance(operation, Pool) else "flatten"

    @property
    def rank(self) -> int:
        """Number of spatial axes of the input."""
        return len(self.input_shape) - 1

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes along which the window slides, those of x_view behind its second; none for flatten."""
        operation, sizes = self.operation, self.input_shape[1:]
        if isinstance(operation, Flatten):
            return ()
        if isinstance(operation, Pool):
            if operation.kernel_size == "global":
                return tuple(Axis(size=size, kernel=size) for size in sizes)
            if operation.over == "channels":
                group = operation.kernel_size[0]
                channels = Axis(size=self.input_shape[0], kernel=group, stride=group)
                return (channels, Axis(size=prod(sizes), kernel=1))
        return _window_axes(operation, sizes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of y without the batch."""
        operation, outputs = self.operation, tuple(axis.output for axis in self.axes)
        if isinstance(operation, Flatten):
            return (prod(self.input_shape),)
        if isinstance(operation, Conv):
            return (operation.out_channels, *outputs)
        if operation.over == "channels":
            return (outputs[0], *self.input_shape[1:])
        return (self.input_shape[0], *outputs)

    def x_shape(self, batch_size: int) -> tuple[int, ...]:
        """Shape of x: (N, C, *spatial)."""
        return (batch_size, *self.input_shape)

    def y_shape(self, batch_size: int) -> tuple[int, ...]:
        """Shape of y and dy, canonical layout."""
        return (batch_size, *self.output_shape)

    @property
    def w_shape(self) -> tuple[int, ...] | None:
        """Shape of w, or None where the operation has no weights."""
        return self.operation.w_shape if isinstance(self.operation, Conv) else None

    @property
    def b_shape(self) -> tuple[int, ...] | None:
        """Shape of b, or None where the operation has no bias."""
        operation = self.operation
        return (operation.out_channels,) if isinstance(operation, Conv) and operation.bias else None

    def x_view_shape(self, batch_size: int) -> tuple[int, ...]:
        """Shape in which the last len(axes) axes of x are those that the window slides along."""
        return self._view(self.x_shape(batch_size), self.input_shape[0])

    def y_view_shape(self, batch_size: int) -> tuple[int, ...]:
        """The same for y: (N, 1, C / group, prod(spatial)) for a pool over channels, else the shape of y."""
        return self._view(self.y_shape(batch_size), self.output_shape[0])

    def _view(self, shape: tuple[int, ...], channels: int) -> tuple[int, ...]:
        if isinstance(self.operation, Pool) and self.operation.over == "channels":
            return (shape[0], 1, channels, prod(shape[2:]))
        return shape

    @property
    def gradient_names(self) -> tuple[TensorName, ...]:
        """The gradients that this case has, in the order of a backward pass."""
        if self.w_shape is None:
            return ("dx",)
        return ("dx", "dw") if self.b_shape is None else ("dx", "dw", "db")

    def shape_of(self, tensor: TensorName, batch_size: int) -> tuple[int, ...]:
        """Canonical shape of a result; SpecError where this case has no such tensor."""
        if tensor == "y":
            return self.y_shape(batch_size)
        shape = {"dx": self.x_shape(batch_size), "dw": self.w_shape, "db": self.b_shape}[tensor]
        if shape is None:
            raise SpecError("tensor", f"{tensor} does not exist for {self.name}")
        return shape

    def with_dtype(self, dtype: DType) -> Case:
        """The same case in another dtype."""
        return replace(self, dtype=dtype)


def tensors_of(case: Case, pass_name: PassName) -> tuple[TensorName, ...]:
    """Names of what a pass returns: y, the gradients, or y and the gradients."""
    if pass_name == "forward":
        return ("y",)
    return case.gradient_names if pass_name == "backward" else ("y", *case.gradient_names)


def _window_axes(operation: Conv | Pool, sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    assert isinstance(operation.kernel_size, tuple)
    assert operation.stride is not None
    axes = []
    parameters = zip(sizes, operation.kernel_size, operation.stride, operation.dilation, strict=True)
    for number, (size, kernel, stride, dilation) in enumerate(parameters):
        if operation.padding == "valid":
            before, after = 0, 0
        elif operation.padding == "same":
            before, after = same_padding(size, kernel, stride, dilation)
        else:
            before, after = operation.padding[number]
        axes.append(
            Axis(
                size=size,
                kernel=kernel,
                stride=stride,
                dilation=dilation,
                before=before,
                after=after,
                ceil_mode=isinstance(operation, Pool) and operation.ceil_mode,
            )
        )
    return tuple(axes)
