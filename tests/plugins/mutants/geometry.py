"""Slips in where windows lie: padding, strides, dilation, taps."""

from dataclasses import replace

import numpy as np

from convbench_specs import Conv, Pool, pad_array, unpad_gradient
from mutants.correct import Correct


class PaddingOffByOne(Correct):
    """One more place of padding before, one less behind."""

    wrong = ("y",)

    def axes(self, case, tensor):
        if tensor != "y" or not all(axis.after for axis in case.axes):
            return case.axes
        return tuple(replace(axis, before=axis.before + 1, after=axis.after - 1) for axis in case.axes)


class PaddingOnTheWrongSide(Correct):
    """The padding before is put behind, and the other way round."""

    wrong = ("y", "dx", "dw")

    def axes(self, case, tensor):
        return tuple(replace(axis, before=axis.after, after=axis.before) for axis in case.axes)


class EdgePaddingIsZeros(Correct):
    """Padding mode "edge" pads with zeros."""

    wrong = ("y", "dw")

    def pad(self, case, x, axes):
        return pad_array(x, axes)


class EdgePaddingReflects(Correct):
    """Padding mode "edge" mirrors the input instead of repeating its border."""

    wrong = ("y", "dw")

    def pad(self, case, x, axes):
        if case.operation.padding_mode == "zeros":
            return pad_array(x, axes)
        return np.pad(x, [(0, 0), (0, 0), *((axis.before, axis.after) for axis in axes)], mode="reflect")


class EdgeGradientDropped(Correct):
    """What reaches edge padding is not added to the border that it repeats."""

    wrong = ("dx",)

    def unpad(self, case, padded, axes):
        return unpad_gradient(padded, axes)


class DxCutAtTheStart(Correct):
    """Dx is cut from the padded gradient at its very start, not behind the padding."""

    wrong = ("dx",)

    def unpad(self, case, padded, axes):
        return padded[(..., *(slice(axis.size) for axis in axes))].copy()


class CeilModeIgnored(Correct):
    """The last, incomplete window of ceil mode is missing."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y" and isinstance(case.operation, Pool) and case.operation.ceil_mode:
            return result[..., :-1].copy()
        return result


class StrideAxesSwapped(Correct):
    """Rows step by the stride of columns and columns by that of rows, where the shape stays the same."""

    wrong = ("y", "dx", "dw")

    def axes(self, case, tensor):
        if len(case.axes) < 2:
            return case.axes
        rows, columns = case.axes
        swapped = replace(rows, stride=columns.stride), replace(columns, stride=rows.stride)
        return swapped if [a.output for a in swapped] == [a.output for a in case.axes] else case.axes


class DilationIgnoredInY(Correct):
    """The taps of a dilated window read neighbours in the forward pass."""

    wrong = ("y",)

    def places(self, case, tensor, tap):
        return super().places(case, tensor, tap) if tensor != "y" else undilated(self, case, tensor, tap)


class DilationIgnoredInDx(Correct):
    """The taps of a dilated window get neighbours' gradients."""

    wrong = ("dx",)

    def places(self, case, tensor, tap):
        return super().places(case, tensor, tap) if tensor != "dx" else undilated(self, case, tensor, tap)


class DilationIgnoredInDw(Correct):
    """Dw is computed as if the kernel were not dilated."""

    wrong = ("dw",)

    def places(self, case, tensor, tap):
        return super().places(case, tensor, tap) if tensor != "dw" else undilated(self, case, tensor, tap)


def undilated(backend, case, tensor, tap):
    axes = backend.axes(case, tensor)
    return (..., *(backend.along(tensor, axis, t) for axis, t in zip(axes, tap, strict=True)))


class DxRightOnlyForStride1(Correct):
    """Dx puts the windows side by side, whatever their stride."""

    wrong = ("dx",)

    def along(self, tensor, axis, first):
        return super().along(tensor, axis, first) if tensor != "dx" else slice(first, first + axis.output)


class KernelNotFlippedInDx(Correct):
    """Dx correlates dy with the kernel where it must convolve."""

    wrong = ("dx",)

    def weights(self, case, tensor, w):
        return np.flip(w, tuple(range(2, w.ndim))) if tensor == "dx" else w


class KernelFlippedInY(Correct):
    """Y is a true convolution, with the kernel flipped, not the correlation that frameworks compute."""

    wrong = ("y",)

    def weights(self, case, tensor, w):
        return np.flip(w, tuple(range(2, w.ndim))) if tensor == "y" else w


class SquareKernelTransposed(Correct):
    """Rows and columns of square kernels are exchanged."""

    wrong = ("y",)

    def weights(self, case, tensor, w):
        return w.swapaxes(2, 3) if tensor == "y" and w.ndim == 4 and w.shape[2] == w.shape[3] else w


class LastTapDropped(Correct):
    """The loop over taps ends one too early."""

    wrong = ("y",)

    def taps(self, case, tensor):
        taps = super().taps(case, tensor)
        return taps[:-1] if tensor == "y" and isinstance(case.operation, Conv) else taps


class LastTapDroppedInDx(Correct):
    """The loop over taps ends one too early in the gradient of the input."""

    wrong = ("dx",)

    def taps(self, case, tensor):
        taps = super().taps(case, tensor)
        return taps[:-1] if tensor == "dx" and isinstance(case.operation, Conv) else taps


class LastTapDroppedInDw(Correct):
    """The weights of the last tap get no gradient."""

    wrong = ("dw",)

    def taps(self, case, tensor):
        return super().taps(case, tensor)[: -1 if tensor == "dw" else None]


class LastRowDropped(Correct):
    """The last row of outputs is never written."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y" and result.ndim == 4:
            result[:, :, -1] = 0
        return result


class LastColumnOfDxDropped(Correct):
    """The last column of the gradient of the input is never written."""

    wrong = ("dx",)

    def finish(self, case, tensor, result):
        if tensor == "dx":
            result[..., -1] = 0
        return result


class BlockTailDropped(Correct):
    """Filters are taken four at a time; those that fill no block are left out."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y" and isinstance(case.operation, Conv):
            result[:, result.shape[1] // 4 * 4 :] = 0
        return result


class OddInstanceDropped(Correct):
    """Instances are taken two at a time; an odd last one is left out."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y":
            result[len(result) // 2 * 2 :] = 0
        return result
