"""What a pass must do and move at least: arithmetic and bytes, by formula.

Convolution counts 2 FLOPs a multiply-add, dense: taps on padding count, as torch's FlopCounterMode and cuDNN's papers
do. `valid_flops` leaves them out, as oneDNN's benchdnn and XLA's cost analysis do. A maximum counts its comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convbench_specs.case import DTYPES, Case, PassName
from convbench_specs.operations import Conv, Flatten, Pool


@dataclass(frozen=True, slots=True)
class Cost:
    """FLOPs of one pass, with and without taps on padding, and its compulsory bytes."""

    flops: int
    valid_flops: int
    bytes: int


def cost(case: Case, batch_size: int, pass_name: PassName) -> Cost:
    """Cost of one pass over a batch.

    bytes: every tensor that the pass reads or writes, counted once (forward x, w, b, y; backward x, w, dy, dx, dw, db;
    both: all of them). A flatten in the order of memory is a view and moves nothing.
    """
    dense = prod(axis.output * axis.kernel for axis in case.axes)
    valid = prod(axis.valid_taps for axis in case.axes)
    return Cost(
        flops=_flops(case, batch_size, pass_name, dense),
        valid_flops=_flops(case, batch_size, pass_name, valid),
        bytes=_elements(case, batch_size, pass_name) * DTYPES[case.dtype],
    )


def multiply_adds(case: Case) -> int:
    """Dense multiply-adds of one forward pass over one instance; 0 for what does not multiply."""
    operation = case.operation
    if not isinstance(operation, Conv):
        return 0
    taps = prod(axis.output * axis.kernel for axis in case.axes)
    return operation.out_channels * (operation.in_channels // operation.groups) * taps


def _flops(case: Case, batch_size: int, pass_name: PassName, taps: int) -> int:
    """`taps` is the product over axes of outputs x taps a window."""
    operation = case.operation
    outputs = batch_size * prod(case.output_shape)
    if isinstance(operation, Flatten):
        return 0
    if isinstance(operation, Conv):
        product = 2 * batch_size * operation.out_channels * (operation.in_channels // operation.groups) * taps
        bias = outputs if operation.bias else 0
        forward, backward = product + bias, 2 * product + bias
    else:
        windows = batch_size * prod(case.y_view_shape(1)[:2])
        if operation.kind == "max":
            forward, backward = max(0, windows * taps - outputs), outputs
        else:
            forward, backward = windows * taps, windows * taps + outputs
    return {"forward": forward, "backward": backward, "both": forward + backward}[pass_name]


def _elements(case: Case, batch_size: int, pass_name: PassName) -> int:
    x, y = prod(case.x_shape(batch_size)), prod(case.y_shape(batch_size))
    w = prod(case.w_shape) if case.w_shape else 0
    b = prod(case.b_shape) if case.b_shape else 0
    operation = case.operation
    if isinstance(operation, Flatten):
        moved = 2 * x if operation.order == "channels_last" and len(case.input_shape) > 1 else 0
        return moved * (2 if pass_name == "both" else 1)
    needs_x = not (isinstance(operation, Pool) and operation.kind == "average")
    forward = x + w + b + y
    backward = y + x + (x if needs_x else 0) + 2 * w + b
    both = (x + y) * 2 + 2 * w + 2 * b
    return {"forward": forward, "backward": backward, "both": both}[pass_name]
