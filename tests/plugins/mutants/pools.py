"""Slips in pooling and flatten: ties, divisors, orders of channels."""

import numpy as np

from convbench_specs import Pool
from mutants.correct import Correct


class PaddingWinsAMaximum(Correct):
    """A maximum sees zeros in the padding, which beat negative numbers."""

    wrong = ("y", "dx")
    fill = 0.0


class PaddingOfAMaximumIsFinite(Correct):
    """A maximum sees minus a million in the padding, which beats what is below."""

    wrong = ("y", "dx")
    fill = -1e6


class MaximumStartsAtZero(Correct):
    """The running maximum starts at zero: a window of negative numbers gives zero."""

    wrong = ("y",)

    def largest(self, values):
        return np.maximum(super().largest(values), 0)


class MaxTiesToTheLast(Correct):
    """Of equal maxima the last one gets the gradient."""

    wrong = ("dx",)

    def shares(self, values):
        return super().shares(values[::-1])[::-1]


class MaxTiesToAll(Correct):
    """Every one of equal maxima gets the whole gradient."""

    wrong = ("dx",)

    def shares(self, values):
        return values == values.max(axis=0)


class MaxTiesShared(Correct):
    """Equal maxima share the gradient, as the gradient of amax does."""

    wrong = ("dx",)

    def shares(self, values):
        winners = values == values.max(axis=0)
        return winners / winners.sum(axis=0).astype(values.dtype)


class MaximumComparesInHalfPrecision(Correct):
    """Which element is the largest is found out in float16."""

    wrong = ("y", "dx")

    def largest(self, values):
        winner = values.astype(np.float16).argmax(axis=0)
        return np.take_along_axis(values, winner[None], axis=0)[0]

    def shares(self, values):
        return super().shares(values.astype(np.float16))


class AverageCountsPadding(Correct):
    """An average divides by all taps where it must leave out those on padding."""

    wrong = ("y", "dx")

    def counts(self, case, tensor):
        return counts_of(case, count_padding=True)


class AverageLeavesOutPadding(Correct):
    """An average divides by the taps on the input where it must count those on padding."""

    wrong = ("y", "dx")

    def counts(self, case, tensor):
        return counts_of(case, count_padding=False)


class AverageCountsOverhang(Correct):
    """An average divides by the size of the window, even where ceil mode lets it hang over."""

    wrong = ("y", "dx")

    def counts(self, case, tensor):
        if not case.operation.count_include_pad:
            return super().counts(case, tensor)
        return np.full([axis.output for axis in case.axes], np.prod([axis.kernel for axis in case.axes]), case.dtype)


class AverageGradientDividedByTheWindow(Correct):
    """The gradient of an average is divided by the size of the window, whatever its forward pass divides by."""

    wrong = ("dx",)

    def counts(self, case, tensor):
        counts = super().counts(case, tensor)
        return counts if tensor == "y" else np.full_like(counts, np.prod([axis.kernel for axis in case.axes]))


class ReciprocalInHalfPrecision(Correct):
    """An average multiplies by a reciprocal of low precision."""

    wrong = ("y",)

    def counts(self, case, tensor):
        counts = super().counts(case, tensor)
        return counts if tensor == "dx" else 1 / (1 / counts).astype(np.float16).astype(case.dtype)


class AverageDividesByAtMost2048(Correct):
    """The divisor of an average is counted up in float16, where 2048 + 1 is 2048."""

    wrong = ("y", "dx")

    def counts(self, case, tensor):
        return np.minimum(super().counts(case, tensor), 2048)


class ChannelsPooledWithAStep(Correct):
    """A pool over channels takes every third one, not three that follow each other."""

    wrong = ("y", "dx")

    def pool(self, case, x, w, b):
        return super().pool(case, self.stepped(case, x), w, b)

    def pool_dx(self, case, x, w, dy):
        dx = super().pool_dx(case, self.stepped(case, x), w, dy)
        if case.operation.over == "channels":
            return dx[:, np.argsort(self.order(case))]
        return dx

    def stepped(self, case, x):
        return x[:, self.order(case)] if case.operation.over == "channels" else x

    def order(self, case):
        channels, group = case.input_shape[0], case.operation.kernel_size[0]
        return np.arange(channels).reshape(group, -1).T.ravel()


class FlattenInOrderOfMemory(Correct):
    """A flatten that must run through channels last runs through the memory."""

    wrong = ("y",)

    def flat(self, case, x, w, b):
        return x.reshape(len(x), -1).copy()


class UnflattenInOrderOfMemory(Correct):
    """The gradient of a flatten comes back in the order of memory."""

    wrong = ("dx",)

    def flat_dx(self, case, x, w, dy):
        return dy.reshape(x.shape).copy()


class FlattenAlwaysChannelsLast(Correct):
    """A backend that keeps channels last flattens what it has."""

    wrong = ("y", "dx")

    def flat(self, case, x, w, b):
        return np.moveaxis(x, 1, -1).reshape(len(x), -1).copy()

    def flat_dx(self, case, x, w, dy):
        return np.moveaxis(dy.reshape(len(x), *x.shape[2:], x.shape[1]), -1, 1).copy()


class ShapeOfAGlobalPool(Correct):
    """The axes of length one of a global pool are missing."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        is_global = isinstance(case.operation, Pool) and case.operation.kernel_size == "global"
        return result.reshape(result.shape[:2]) if tensor == "y" and is_global else result


class WindowsLeftOutInBatches(Correct):
    """All instances but the first lose two windows in both passes alike: the passes fit, and a sample may miss it."""

    wrong = ("y", "dx")
    hides_from_samples = True

    def pool(self, case, x, w, b):
        y = super().pool(case, x, w, b)
        y[1:, 17, 5, 5:7] = 0
        return y

    def pool_dx(self, case, x, w, dy):
        dy = dy.copy()
        dy[1:, 17, 5, 5:7] = 0
        return super().pool_dx(case, x, w, dy)


def counts_of(case, *, count_padding):
    along = [np.array(axis.taps(count_padding=count_padding)) for axis in case.axes]
    return (along[0] if len(along) == 1 else np.multiply.outer(*along)).astype(case.dtype)
