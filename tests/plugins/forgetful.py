"""Backends that are right where one layer is checked by itself, and wrong where a network is trained: faults of state.

Each is the NumPy backend with one fault in it.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import ClassVar

import numpy as np

from convbench_backends.numpy_im2col.backend import NumpyIm2col
from convbench_specs import Conv, Pool, hookimpl

LATE = 20
"""Backward passes of a layer that are right in LateFault."""


class Right(NumpyIm2col):
    """No fault at all."""

    name = "right"
    display_order = None
    is_reference = False

    def prepare(self, case, tensors):
        """Without the calls of a training step, so that the faults below are all there is."""
        return replace(super().prepare(case, tensors), kept_forward=None, update_dy=None)


class PackedOnce(Right):
    """The weights are taken once, when the case is prepared."""

    name = "packed-once"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        first = None if tensors.w is None else np.array(tensors.w)
        return replace(prepared, update=lambda new: prepared.update(replace(new, w=first)))


class FirstMaxima(Right):
    """The places of the maxima are those of the first forward pass."""

    name = "first-maxima"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(case.operation, Pool):
            return prepared
        stale, first = super().prepare(case, tensors), []

        def update(new):
            prepared.update(new)
            first.append(first[0] if first else np.array(new.x))
            stale.update(replace(new, x=first[0]))
            del first[1:]

        return replace(prepared, backward=stale.backward, both=None, update=update)


class SharedBuffers(Right):
    """The results of all layers lie in the same buffers, one a tensor."""

    name = "shared-buffers"
    buffers: ClassVar[dict[str, np.ndarray]] = {}

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)

        def to_numpy(tensor, native):
            buffer = self.buffers.setdefault(tensor, np.zeros(2**18, native.dtype))
            shared = buffer[: native.size].reshape(native.shape)
            shared[...] = native
            return shared

        return replace(prepared, to_numpy=to_numpy)


class OtherColumns(Right):
    """The columns of x are kept for the backward pass in one place, whatever the layer."""

    name = "other-columns"
    kept: ClassVar[list[np.ndarray]] = [np.zeros(2**18)]

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(case.operation, Conv):
            return prepared
        given = [tensors]

        def update(new):
            given[0] = new
            prepared.update(new)

        def forward():
            self.kept[0][: given[0].x.size] = given[0].x.ravel()
            return prepared.forward()

        def backward():
            x = self.kept[0][: given[0].x.size].reshape(given[0].x.shape).astype(given[0].x.dtype)
            prepared.update(replace(given[0], x=x))
            return prepared.backward()

        return replace(prepared, forward=forward, backward=backward, both=None, update=update)


class SmallDw(Right):
    """dw is too small by 0.1 %."""

    name = "small-dw"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(case.operation, Conv):
            return prepared

        def backward():
            dx, dw, db = prepared.backward()
            return dx, self.changed(dw), db

        return replace(prepared, backward=backward, both=None)

    def changed(self, dw):
        return dw * dw.dtype.type(0.999)


class LateFault(SmallDw):
    """dw is off by a millionth, after a while."""

    name = "late-error"

    def __init__(self):
        super().__init__()
        self.calls = 0

    def changed(self, dw):
        self.calls += 1
        return dw * dw.dtype.type(1 + 1e-6 * (self.calls > 2 * LATE))


class EndingProcess(LateFault):
    """Its process ends in a later step."""

    name = "dies"

    def changed(self, dw):
        self.calls += 1
        if self.calls > 2 * LATE:
            os.kill(os.getpid(), signal.SIGKILL)
        return dw


class OldInput(Right):
    """The backward pass reads the x of two steps ago."""

    name = "old-input"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(case.operation, Conv):
            return prepared
        given, seen = [tensors], []

        def update(new):
            given[0] = new
            prepared.update(new)

        def forward():
            seen.append(np.array(given[0].x))
            del seen[:-3]
            return prepared.forward()

        def backward():
            prepared.update(replace(given[0], x=seen[0] if len(seen) == 3 else given[0].x))
            return prepared.backward()

        return replace(prepared, forward=forward, backward=backward, both=None, update=update)


class KeptOnce(Right):
    """The forward pass of a training step is that of the first step."""

    name = "kept-once"

    def prepare(self, case, tensors):
        prepared, kept = super().prepare(case, tensors), []

        def kept_forward():
            kept.append(kept[0] if kept else prepared.forward())
            return kept[0]

        return replace(prepared, kept_forward=kept_forward)


class OldDy(Right):
    """A new dy is not taken."""

    name = "old-dy"

    def prepare(self, case, tensors):
        return replace(super().prepare(case, tensors), update_dy=lambda dy: None)


@hookimpl
def convbench_backends():
    return [
        Right, PackedOnce, FirstMaxima, SharedBuffers, OtherColumns, SmallDw, LateFault, OldInput, KeptOnce, OldDy,
        EndingProcess,
    ]  # fmt: skip
