"""A way round a fault of oneDNN that PyTorch and TensorFlow share: strided bfloat16 convolutions one place wide."""

from __future__ import annotations

from dataclasses import replace

from convbench_specs import Axis, Case


def axes_of(case: Case) -> tuple[Axis, ...]:
    """The axes of a convolution, the last one at stride 1 where it gives one place: the stride does not matter there.

    With AMX, oneDNN computes wrong values in bfloat16 for other strides: see docs/framework_differences.md. The last
    axis then covers what its only window reads, so x may have to be cut to its size.
    """
    *others, last = case.axes
    read = last.extent - last.before
    if case.dtype != "bfloat16" or last.output != 1 or last.stride == 1 or read < 1:
        return case.axes
    size = min(last.size, read)
    return (*others, replace(last, size=size, after=read - size, stride=1))
