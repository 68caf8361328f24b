"""The windows of a convolution: where a kernel slides over an image, forward and for the gradient of the input.

Rules: an image is (C, H, W). A signal of rank 1 is an image of width 1, so that its length can be cut as rows can.
"""

from __future__ import annotations

from dataclasses import dataclass

from convbench_specs import Axis, Case, Conv


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The two axes along which a kernel slides; `edge` repeats the border where zeros would be."""

    rows: Axis
    columns: Axis
    edge: bool = False

    @property
    def kernel(self) -> tuple[int, int]:
        """Taps of a window: (R, S)."""
        return self.rows.kernel, self.columns.kernel

    @property
    def stride(self) -> tuple[int, int]:
        """Steps from window to window."""
        return self.rows.stride, self.columns.stride

    @property
    def output(self) -> tuple[int, int]:
        """Places of a window: (OH, OW)."""
        return self.rows.output, self.columns.output

    @property
    def padded(self) -> tuple[int, int]:
        """Size of a padded image."""
        return self.rows.padded, self.columns.padded

    @property
    def is_padded(self) -> bool:
        """Whether a padded image is larger than the image."""
        return self.padded != (self.rows.size, self.columns.size)

    @property
    def is_pointwise(self) -> bool:
        """Whether the columns of im2col are the image itself: a 1 x 1 kernel, at every place."""
        return self.kernel == self.stride == (1, 1) and not self.is_padded

    def adjoint(self) -> Windows | None:
        """The windows whose correlation with the flipped kernel is dx; None where there are none.

        They slide over dy at stride 1, or else over dy with stride - 1 zeros between its places. There are such windows
        where padding is of zeros and reaches no further than the kernel: the axis is then padded by what a full
        correlation needs, less what the forward pass had padded.
        """
        if self.edge:
            return None
        rows, columns = _adjoint_axis(self.rows), _adjoint_axis(self.columns)
        if min(rows.before, rows.after, columns.before, columns.after) < 0:
            return None
        return Windows(rows=rows, columns=columns)


def windows_of(case: Case) -> Windows:
    """The windows of a convolution's case."""
    assert isinstance(case.operation, Conv)
    rows, columns = case.axes if len(case.axes) == 2 else (case.axes[0], Axis(size=1, kernel=1))
    return Windows(rows=rows, columns=columns, edge=case.operation.padding_mode == "edge")


def _adjoint_axis(axis: Axis) -> Axis:
    size = (axis.output - 1) * axis.stride + 1
    before = axis.extent - 1 - axis.before
    after = axis.size + axis.extent - 1 - size - before
    return Axis(size=size, kernel=axis.kernel, dilation=axis.dilation, before=before, after=after)
