"""Backends that need a known amount of memory, or fail at a known batch size."""

import numpy as np

from convbench_specs import Backend, Flatten, Prepared, Unsupported, hookimpl

MOST = 5000


class Tenfold(Backend):
    """Ten times x as scratch."""

    name = "tenfold"

    def prepare(self, case, tensors):
        if not isinstance(case.operation, Flatten):
            return Unsupported("only flatten")
        x = np.array(tensors.x)
        return Prepared(forward=lambda: self.forward(x))

    def forward(self, x):
        scratch = np.ones((10, *x.shape), x.dtype)
        return np.moveaxis(x, 1, -1).reshape(len(x), -1) + (scratch[0, 0, 0, 0] - 1)


class RaisesMemory(Tenfold):
    """No memory for more than MOST instances, as a framework says it."""

    name = "raises-memory"

    def forward(self, x):
        if len(x) > MOST:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return np.moveaxis(x, 1, -1).reshape(len(x), -1).copy()


class BreaksLater(RaisesMemory):
    """A bug that shows itself beyond MOST instances."""

    name = "breaks-later"

    def forward(self, x):
        if len(x) > MOST:
            raise ArithmeticError("so this many were not foreseen")
        return super().forward(x)


@hookimpl
def convbench_backends():
    return [Tenfold, RaisesMemory, BreaksLater]
