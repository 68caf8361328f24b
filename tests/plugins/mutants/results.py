"""Slips in what is handed over: memory, order, dtype, time, and results of something else."""

import threading

import numpy as np

from convbench_specs import Conv, Pool
from mutants.correct import Correct


class Zeros(Correct):
    """Y is allocated and returned."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        return np.zeros_like(result) if tensor == "y" else result


class NotANumber(Correct):
    """Y is 0 / 0 in its first column where there is padding."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y" and any(axis.before for axis in case.axes):
            result[..., 0] = np.nan
        return result


class UninitialisedMemory(Correct):
    """The last elements of y are never written: what is there is from before."""

    wrong = ("y",)
    stale = 0xCD

    def finish(self, case, tensor, result):
        if tensor != "y":
            return result
        memory = np.full(result.nbytes, self.stale, np.uint8).view(result.dtype)
        memory[: result.size - 2] = result.ravel()[: result.size - 2]
        return memory.reshape(result.shape)


class UnreadPlacesOfDx(Correct):
    """Dx is not set to zero first: places that no window reads keep what is there from before."""

    wrong = ("dx",)

    def finish(self, case, tensor, result):
        if tensor != "dx" or not isinstance(case.operation, Conv):
            return result
        padded = np.zeros_like(self.pad(case, result, case.axes))
        for tap in self.taps(case, "dx"):
            padded[self.places(case, "dx", tap)] = 1
        return np.where(self.unpad(case, padded, case.axes) > 0, result, result.dtype.type(3e-39))


class ResultsOfTheCaseBefore(Correct):
    """Results are cached by case: other numbers get the results of the first ones."""

    wrong = ("y", "dx", "dw", "db")

    def __init__(self):
        self.cache = {}

    def finish(self, case, tensor, result):
        return self.cache.setdefault((case, tensor, result.shape), result).copy()


class ResultOfTheCallBefore(Correct):
    """Each call hands over the result of the call before; the first one that of nothing."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.before = None
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor != "y":
            return result
        before, self.before = self.before, result
        return np.zeros_like(result) if before is None else before


class ChannelsLastRenamed(Correct):
    """A channels-last result is reshaped where it must be transposed."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        if tensor == "y" and isinstance(case.operation, Conv):
            return np.moveaxis(result, 1, -1).reshape(result.shape)
        return result


class ResultInDoublePrecision(Correct):
    """Y comes as float64 whatever the case asks for."""

    wrong = ("y",)

    def finish(self, case, tensor, result):
        return result.astype(np.float64) if tensor == "y" else result


class DoublePrecisionHidesAWrongGradient(Correct):
    """Dx comes as float64 whatever the case asks for, and its last column is that of another kernel."""

    wrong = ("dx",)

    def finish(self, case, tensor, result):
        if tensor != "dx":
            return result
        wrong = result.astype(np.float64)
        wrong[..., -1] *= 1.5
        return wrong


class BothWithoutBias(Correct):
    """The training step leaves out the bias that the forward pass adds."""

    wrong = ("y",)

    def both(self, case, x, w, b, dy):
        return super().both(case, x, w, None, dy)


class InputModifiedInPlace(Correct):
    """X is scaled in place, as preprocessing may do, in memory that is not the backend's."""

    wrong = ("x",)

    def take(self, tensors):
        x, w, b, dy = super().take(tensors)
        self.given = tensors.x
        return x, w, b, dy

    def forward(self, case, x, w, b):
        y = super().forward(case, x, w, b)
        self.given.flags.writeable = True  # as a kernel in C does, which never asks
        self.given *= 2
        return y


class OwnInputModifiedInPlace(Correct):
    """The backend's own copy of x is changed by the forward pass: the next call computes something else."""

    wrong = ("y", "dw")

    def forward(self, case, x, w, b):
        y = super().forward(case, x, w, b)
        x *= 2
        return y


class ResultAliasesInput(Correct):
    """A pool of windows of one element returns its input."""

    wrong = ("y",)

    def take(self, tensors):
        return tensors.x, tensors.w, tensors.b, tensors.dy

    def pool(self, case, x, w, b):
        return x if all(axis.kernel == axis.stride == 1 for axis in case.axes) else super().pool(case, x, w, b)


class SameMemoryEveryTime(Correct):
    """Y is always in the same memory: the next call overwrites what was handed over."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.memory = None
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor != "y":
            return result
        if self.memory is None:
            self.memory = np.empty_like(result)
        self.memory[...] = result
        return self.memory


class AddedInAnotherOrder(Correct):
    """Taps are added up in another order at each call, as atomic additions are: right, but never the same bits."""

    wrong = ("y",)
    backwards = False

    def taps(self, case, tensor):
        taps = super().taps(case, tensor)
        if tensor != "y" or isinstance(case.operation, Pool):
            return taps
        self.backwards = not self.backwards
        return taps[::-1] if self.backwards else taps


class MemoryNotCleared(Correct):
    """Y is added up in memory that still holds the result of the call before; "atomics" are the excuse for it."""

    wrong = ("y",)
    is_deterministic = False

    def prepare(self, case, tensors):
        self.left = 0
        return super().prepare(case, tensors)

    def forward(self, case, x, w, b):
        self.left = super().forward(case, x, w, b) + self.left
        return self.left

    def both(self, case, x, w, b, dy):
        self.left = 0
        return super().both(case, x, w, b, dy)


class UnfinishedResult(Correct):
    """Y is handed over while a thread still fills its second half; wait does not wait for it."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.pending = None
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor != "y":
            return result
        if self.pending is not None:  # the queue goes on when the next call comes
            go_on, thread = self.pending
            go_on.set()
            thread.join()
        y = result.copy()
        half = y.size // 2
        y.reshape(-1)[half:] = 0
        go_on = threading.Event()
        thread = threading.Thread(target=fill, args=(go_on, y, result, half), daemon=True)
        thread.start()
        self.pending = go_on, thread
        return y


class WrittenToAfterwards(Correct):
    """Y is right, but a kernel that is still in the queue writes to it after it was handed over."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.handed_over = []
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor == "y":
            for earlier in self.handed_over:
                np.multiply(earlier, 2, out=earlier)
            self.handed_over.append(result)
        return result


def fill(go_on, y, result, half):
    go_on.wait()
    y.reshape(-1)[half:] = result.reshape(-1)[half:]
