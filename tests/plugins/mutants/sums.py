"""Slips in what is summed: channels, groups, bias, the batch, and in which precision."""

import numpy as np

from convbench_specs import Conv
from mutants.correct import Correct


class LastChannelDropped(Correct):
    """The loop over input channels ends one too early."""

    wrong = ("y",)

    def operand(self, case, tensor, values):
        if tensor == "y" and values.shape[1:] == case.input_shape:
            values = values.copy()
            values[:, -1] = 0
        return values


class GroupsCrossed(Correct):
    """Each group of filters reads the channels of the next group."""

    wrong = ("y",)

    def operand(self, case, tensor, values):
        if tensor == "y" and values.shape[1:] == case.input_shape:
            values = np.roll(values, -(values.shape[1] // case.operation.groups), axis=1)
        return values


class ChannelsInterleaved(Correct):
    """Channel c is taken for one of group c % groups, not of c // (channels / groups)."""

    wrong = ("y", "dw")

    def operand(self, case, tensor, values):
        if tensor in ("y", "dw") and values.shape[1:] == case.input_shape:
            groups = case.operation.groups
            values = np.concatenate([values[:, group::groups] for group in range(groups)], axis=1)
        return values


class MultiplierOutermost(Correct):
    """Filter k of a depthwise convolution reads channel k % channels, not k // multiplier."""

    wrong = ("y",)

    def conv(self, case, x, w, b):
        if not case.operation.is_depthwise:
            return super().conv(case, x, w, b)
        channels = len(w) // case.operation.groups
        order = np.arange(len(w)).reshape(channels, -1).T.ravel()
        y = super().conv(case, x, w[order], None)[:, np.argsort(order)]
        return y if b is None else self.add_bias(case, y, b)


class FiltersTakenForChannels(Correct):
    """The first two axes of the weights are exchanged, where they have one length."""

    wrong = ("y",)

    def weights(self, case, tensor, w):
        return w.swapaxes(0, 1) if tensor == "y" and w.shape[0] == w.shape[1] else w


class BiasMissing(Correct):
    """The bias is not added."""

    wrong = ("y",)

    def add_bias(self, case, y, b):
        return y


class BiasTwice(Correct):
    """The bias is added twice."""

    wrong = ("y",)

    def add_bias(self, case, y, b):
        return super().add_bias(case, super().add_bias(case, y, b), b)


class BiasAlongWidth(Correct):
    """The bias is added along the last axis, where that is as long."""

    wrong = ("y",)

    def add_bias(self, case, y, b):
        return y + b if y.shape[-1] == len(b) else super().add_bias(case, y, b)


class DbOverTheWrongAxes(Correct):
    """Dy is taken for channels last when it is summed up for db."""

    wrong = ("db",)

    def conv_db(self, case, x, w, dy):
        return dy.reshape(-1, dy.shape[1]).sum(axis=0)


class DbOfTheFirstInstance(Correct):
    """Db leaves out all instances but the first."""

    wrong = ("db",)

    def conv_db(self, case, x, w, dy):
        return super().conv_db(case, x, w, dy[:1])


class DwRightOnlyForBatch1(Correct):
    """In the loop over instances dw is assigned where it must be added up."""

    wrong = ("dw",)

    def conv_dw(self, case, x, w, dy):
        return super().conv_dw(case, x[-1:], w, dy[-1:])


class DwAveragedOverTheBatch(Correct):
    """Dw is divided by the batch size, as for a mean loss."""

    wrong = ("dw",)

    def conv_dw(self, case, x, w, dy):
        return super().conv_dw(case, x, w, dy) / np.array(len(x), w.dtype)


class OverlapsOverwritten(Correct):
    """Where windows overlap dx keeps the last contribution instead of the sum."""

    wrong = ("dx",)

    def collect(self, there, part):
        there[...] = part


class GradientsOfLastStepAdded(Correct):
    """Gradients are added to those of the call before, as if zero_grad were forgotten."""

    wrong = ("dx", "dw", "db")

    def prepare(self, case, tensors):
        self.totals = {}
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor == "y":
            return result
        self.totals[tensor] = self.totals.get(tensor, 0) + result
        return self.totals[tensor].copy()


class TensorFloat32(Correct):
    """Inputs of sums are rounded to 10 bits, as tensor cores do unless they are told not to."""

    wrong = ("y", "dx", "dw")

    def operand(self, case, tensor, values):
        if values.dtype != np.float32:
            return values
        bits = values.view(np.uint32) + np.uint32(0x1000)
        return (bits & np.uint32(0xFFFFE000)).view(np.float32)


class HalfPrecisionSums(Correct):
    """Sums are kept in float16."""

    wrong = ("y",)

    def add(self, total, part):
        return super().add(total, part).astype(np.float16).astype(total.dtype)


class BrainFloatResult(Correct):
    """Y has been bfloat16 on its way."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor != "y" or not isinstance(case.operation, Conv):
            return result
        bits = result.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
        return bits.view(np.float32).astype(result.dtype)


class DoubleComputedInSingle(Correct):
    """Float64 is computed in float32."""

    wrong = ("y",)

    def forward(self, case, x, w, b):
        given = [None if each is None else each.astype(np.float32) for each in (x, w, b)]
        return super().forward(case, *given).astype(case.dtype)


class OneElementInAMillion(Correct):
    """One output of a million is its neighbour's."""

    wrong = ("y",)
    takes_large = True

    def finish(self, case, tensor, result):
        if tensor == "y" and result.size > 1_000_000:
            result.flat[777_777] = result.flat[777_778]
        return result


class OnePixelLostInAMillion(Correct):
    """One pixel of a million is not summed up in dw."""

    wrong = ("dw",)
    takes_large = True

    def operand(self, case, tensor, values):
        if tensor == "dw" and values.shape[1:] == case.output_shape and values.size > 1_000_000:
            values = values.copy()
            values.flat[-1] = 0
        return values


class OnePixelOfDbLostInAMillion(Correct):
    """One pixel of a million is not summed up in db."""

    wrong = ("db",)
    takes_large = True

    def conv_db(self, case, x, w, dy):
        dy = dy.copy()
        if dy.size > 1_000_000:
            dy.flat[123_456] = 0
        return super().conv_db(case, x, w, dy)
