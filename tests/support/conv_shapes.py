"""Random sizes of convolutions for hypothesis, as the kernels of numba-cpu name them."""

from __future__ import annotations

from hypothesis import strategies as st

from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Axis

SMALL = st.integers(1, 5)
SIZES = st.integers(1, 20)
CHANNELS = st.integers(1, 40)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Windows of any geometry that have an output."""
    axis = Axis(
        size=draw(SIZES),
        kernel=draw(SMALL),
        stride=draw(SMALL),
        dilation=draw(SMALL),
        before=draw(st.integers(0, 6)),
        after=draw(st.integers(0, 6)),
    )
    return axis if axis.output else Axis(size=axis.size, kernel=1, stride=axis.stride)


@st.composite
def conv_shapes(draw: st.DrawFn, channels: st.SearchStrategy[int] = CHANNELS, *, grouped: bool = False) -> ConvShape:
    """Convolutions over a batch; half of them have windows as the formulations ask for them: 1 x 1 or 3 x 3."""
    groups = draw(st.integers(1, 4)) if grouped else 1
    inputs, filters = (groups * draw(channels) for _ in range(2))
    if draw(st.booleans()):
        kernel, stride = draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 1, 2, 3]))
        padding = kernel // 2
        vertical, horizontal = (
            Axis(size=draw(st.integers(kernel, 30)), kernel=kernel, stride=stride, before=padding, after=padding)
            for _ in range(2)
        )
        if grouped and draw(st.booleans()):
            groups = filters = inputs
    else:
        vertical, horizontal = draw(axes()), draw(axes())
    return ConvShape(draw(st.integers(1, 9)), inputs, filters, groups, vertical, horizontal)
