"""What a pass must hold in memory at least: bytes of its tensors, by formula.

Inputs (x, w, b, dy) are there before a pass begins and stay; its outputs are made in it. So the peak of a call, which
is counted above what was there before, cannot be less than its outputs, and what exceeds them is scratch. A whole
im2col of a 3 x 3 convolution with as many filters as channels has a peak of 10 times its outputs: nine for the columns
and one for y.
"""

from __future__ import annotations

from math import prod

from convbench_specs.case import DTYPES, Case, PassName, tensors_of
from convbench_specs.operations import Flatten


def input_bytes(case: Case, batch_size: int, pass_name: PassName) -> int:
    """Bytes of what is resident before a pass: x, w and b, and dy where there is a backward."""
    shapes = [case.x_shape(batch_size), case.w_shape, case.b_shape]
    if pass_name != "forward":
        shapes.append(case.y_shape(batch_size))
    return sum(prod(shape) for shape in shapes if shape is not None) * DTYPES[case.dtype]


def output_bytes(case: Case, batch_size: int, pass_name: PassName) -> int:
    """Bytes of what a pass returns; 0 for a flatten in the order of memory, which is a view."""
    operation = case.operation
    if isinstance(operation, Flatten) and operation.order == "channels_first":
        return 0
    shapes = (case.shape_of(tensor, batch_size) for tensor in tensors_of(case, pass_name))
    return sum(map(prod, shapes)) * DTYPES[case.dtype]
