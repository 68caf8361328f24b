"""Backends that end their process on some cases, raise on others, or return what is no number."""

import os
from dataclasses import replace

from convbench_specs import Available, Backend, Flatten, Prepared, Unsupported, hookimpl


class Fragile(Backend):
    name = "fragile"

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        if not isinstance(case.operation, Flatten):
            return Unsupported("only flatten")
        if case.operation.order == "channels_last":
            os._exit(3)
        if case.input_shape[0] > 2:
            raise ArithmeticError("too many channels")
        x, dy = tensors.x.copy(), tensors.dy.copy()
        return Prepared(
            forward=lambda: x.reshape(len(x), x[0].size).copy(),
            backward=lambda: (dy.reshape(x.shape).copy(), None, None),
        )


class Objects(Fragile):
    name = "objects"

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        return replace(prepared, forward=lambda: prepared.forward().astype(object))


@hookimpl
def convbench_backends():
    return [Fragile, Objects]
