"""Backends of 1 x 1 convolutions whose forward alone is right: two gradients are wrong, or the process ends."""

from __future__ import annotations

import os

import numpy as np

from convbench_specs import Backend, Prepared, Unsupported, hookimpl


class TwoWrong(Backend):
    """Its dx is twice and its dw three times what it should be; db is right."""

    name = "two-wrong"

    def prepare(self, case, tensors):
        if (
            case.operation_name != "conv"
            or set(case.operation.kernel_size) != {1}
            or case.y_shape(1)[2:] != case.x_shape(1)[2:]
        ):
            return Unsupported("only 1 x 1 without padding and stride")
        x, w, b, dy = (np.array(each) for each in (tensors.x, tensors.w, tensors.b, tensors.dy))

        def forward():
            return np.einsum("ncij,fc->nfij", x, w[:, :, 0, 0]) + b[None, :, None, None]

        return Prepared(forward=forward, backward=lambda: self.gradients(x, w, dy))

    def gradients(self, x, w, dy):
        """(dx, dw, db)."""
        dx = 2 * np.einsum("nfij,fc->ncij", dy, w[:, :, 0, 0])
        return dx, 3 * np.einsum("nfij,ncij->fc", dy, x)[:, :, None, None], dy.sum(axis=(0, 2, 3))


class EndsInBackward(TwoWrong):
    """Its process ends where gradients are asked for."""

    name = "ends-in-backward"

    def gradients(self, x, w, dy):
        """Nothing."""
        os._exit(3)


@hookimpl
def convbench_backends():
    """Both."""
    return [TwoWrong, EndsInBackward]
