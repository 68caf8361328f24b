"""The right backend: short, slow, and made of small methods, each a place where something can go wrong.

Everything is computed by taps: for each tap of the window, what all windows read with it. A subclass is a mutant: it
overrides a method or two.
"""

import re
from math import prod

import numpy as np

from convbench_specs import (
    Available,
    Backend,
    Conv,
    Pool,
    Prepared,
    Unsupported,
    pad_array,
    tensors_of,
    unpad_gradient,
)

MUTANTS = []
LARGE = ("large", "deep")
"""Cases with a million outputs, or with more arithmetic than a processor does in the time of a copy."""


class Correct(Backend):
    """Nothing is wrong with it."""

    name = "correct"
    wrong = ()
    takes_large = False
    """Whether it needs a case of LARGE to show its slip."""
    can_update = False
    """Whether new values can be put into a prepared case."""
    hides_from_samples = False
    """Whether only a case of which the oracle computes a sample shows its slip."""

    needs_further_data = False
    """Whether only further kinds of data show its slip."""
    differs_on_nan = False
    """Whether it is right on every number."""

    def __init_subclass__(cls, *, is_mutant=True):
        if not is_mutant:
            return
        cls.name = re.sub("(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()
        MUTANTS.append(cls)

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        if case.dtype not in ("float32", "float64"):
            return Unsupported("only float32 and float64")
        if case.name in LARGE and MUTANTS and type(self) in MUTANTS and not self.takes_large:
            return Unsupported("its slip shows on small cases")
        x, w, b, dy = held = self.take(tensors)
        return Prepared(
            forward=lambda: self.forward(case, x, w, b),
            backward=lambda: self.backward(case, x, w, dy),
            both=lambda: self.both(case, x, w, b, dy),
            update=(lambda given: self.put(held, given)) if self.can_update else None,
        )

    def take(self, tensors):
        return [None if t is None else t.copy() for t in (tensors.x, tensors.w, tensors.b, tensors.dy)]

    def put(self, held, given):
        for array, new in zip(held, (given.x, given.w, given.b, given.dy), strict=True):
            if array is not None:
                array[...] = new

    # -- passes

    def forward(self, case, x, w, b):
        operation = case.operation
        compute = self.conv if isinstance(operation, Conv) else self.pool if isinstance(operation, Pool) else self.flat
        return self.finish(case, "y", compute(case, x, w, b))

    def backward(self, case, x, w, dy):
        operation, names = case.operation, tensors_of(case, "backward")
        if isinstance(operation, Conv):
            compute = {"dx": self.conv_dx, "dw": self.conv_dw, "db": self.conv_db}
        else:
            compute = {"dx": self.pool_dx if isinstance(operation, Pool) else self.flat_dx}
        return tuple(
            self.finish(case, name, compute[name](case, x, w, dy)) if name in names else None
            for name in ("dx", "dw", "db")
        )

    def both(self, case, x, w, b, dy):
        return (self.forward(case, x, w, b), *self.backward(case, x, w, dy))

    def finish(self, case, tensor, result):
        return result

    # -- windows

    def axes(self, case, tensor):
        return case.axes

    def taps(self, case, tensor):
        return list(np.ndindex(*(axis.kernel for axis in case.axes)))

    def places(self, case, tensor, tap):
        """Where in the padded array all windows read with a tap."""
        along = zip(self.axes(case, tensor), tap, strict=True)
        return (..., *(self.along(tensor, axis, t * axis.dilation) for axis, t in along))

    def along(self, tensor, axis, first):
        return slice(first, first + (axis.output - 1) * axis.stride + 1, axis.stride)

    # -- convolution; g are groups, k filters and c channels of a group

    def conv(self, case, x, w, b):
        padded = self.pad(case, self.operand(case, "y", x), self.axes(case, "y"))
        w = self.by_groups(case, self.weights(case, "y", self.operand(case, "y", w)))
        y = np.zeros(case.y_shape(len(x)), x.dtype)
        for tap in self.taps(case, "y"):
            part = self.in_groups(case, padded[self.places(case, "y", tap)])
            y = self.add(y, np.einsum("ngc...,gkc->ngk...", part, w[(..., *tap)]).reshape(y.shape))
        return y if b is None else self.add_bias(case, y, b)

    def conv_dx(self, case, x, w, dy):
        dy = self.in_groups(case, self.operand(case, "dx", dy))
        w = self.by_groups(case, self.weights(case, "dx", self.operand(case, "dx", w)))
        padded = np.zeros_like(self.pad(case, x, self.axes(case, "dx")))
        for tap in self.taps(case, "dx"):
            there = padded[self.places(case, "dx", tap)]
            self.collect(there, np.einsum("ngk...,gkc->ngc...", dy, w[(..., *tap)]).reshape(there.shape))
        return self.unpad(case, padded, self.axes(case, "dx"))

    def conv_dw(self, case, x, w, dy):
        padded = self.pad(case, self.operand(case, "dw", x), self.axes(case, "dw"))
        dy = rows(self.in_groups(case, self.operand(case, "dw", dy)))
        dw = np.zeros_like(w)
        for tap in self.taps(case, "dw"):
            part = self.in_groups(case, padded[self.places(case, "dw", tap)])
            dw[(..., *tap)] = np.einsum("ngkp,ngcp->gkc", dy, rows(part)).reshape(w.shape[:2])
        return dw

    def conv_db(self, case, x, w, dy):
        return dy.sum(axis=(0, *range(2, dy.ndim)))

    def pad(self, case, x, axes):
        return pad_array(x, axes, mode=case.operation.padding_mode)

    def unpad(self, case, padded, axes):
        return unpad_gradient(padded, axes, mode=case.operation.padding_mode)

    def in_groups(self, case, values):
        groups = case.operation.groups
        return values.reshape(len(values), groups, values.shape[1] // groups, *values.shape[2:])

    def by_groups(self, case, w):
        return w.reshape(case.operation.groups, -1, *w.shape[1:])

    def operand(self, case, tensor, values):
        """x, w or dy as the sum for a tensor takes it."""
        return values

    def weights(self, case, tensor, w):
        return w

    def add(self, total, part):
        return total + part

    def collect(self, there, part):
        there += part

    def add_bias(self, case, y, b):
        return y + b.reshape(-1, *(1,) * len(case.axes))

    # -- pooling

    def pool(self, case, x, w, b):
        values = self.members(case, "y", x)
        y = self.largest(values) if case.operation.kind == "max" else values.sum(axis=0) / self.counts(case, "y")
        return y.reshape(case.y_shape(len(x)))

    def pool_dx(self, case, x, w, dy):
        padded = np.zeros_like(pad_array(x.reshape(case.x_view_shape(len(x))), self.axes(case, "dx")))
        dy = dy.reshape(case.y_view_shape(len(x)))
        if case.operation.kind == "max":
            shares = self.shares(self.members(case, "dx", x))
            parts = np.where(shares, shares * np.where(shares, dy, 0), 0)
        else:
            parts = [dy / self.counts(case, "dx")] * len(self.taps(case, "dx"))
        for tap, part in zip(self.taps(case, "dx"), parts, strict=True):
            self.collect(padded[self.places(case, "dx", tap)], part)
        return unpad_gradient(padded, self.axes(case, "dx")).reshape(x.shape)

    def members(self, case, tensor, x):
        """What each tap reads: (taps, N, C, *output)."""
        fill = self.fill if case.operation.kind == "max" else 0.0
        padded = pad_array(x.reshape(case.x_view_shape(len(x))), self.axes(case, tensor), fill=fill)
        return np.stack([padded[self.places(case, tensor, tap)] for tap in self.taps(case, tensor)])

    fill = -np.inf

    def largest(self, values):
        return values.max(axis=0)

    def shares(self, values):
        """What of dy each member of a window gets."""
        return np.arange(len(values)).reshape(-1, *(1,) * (values.ndim - 1)) == values.argmax(axis=0)

    def counts(self, case, tensor):
        """What the average of each window divides by."""
        along = [np.array(axis.taps(count_padding=case.operation.count_include_pad)) for axis in case.axes]
        return (along[0] if len(along) == 1 else np.multiply.outer(*along)).astype(case.dtype)

    # -- flatten

    def flat(self, case, x, w, b):
        moved = np.moveaxis(x, 1, -1) if case.operation.order == "channels_last" else x
        return moved.reshape(case.y_shape(len(x))).copy()

    def flat_dx(self, case, x, w, dy):
        if case.operation.order == "channels_first":
            return dy.reshape(x.shape).copy()
        return np.moveaxis(dy.reshape(len(x), *x.shape[2:], x.shape[1]), -1, 1).copy()


def rows(values):
    """All places in one axis: (N, groups, channels of a group, places)."""
    return values.reshape(*values.shape[:3], prod(values.shape[3:]))
