"""A backend whose gradients come from automatic differentiation: the package autograd, which differentiates NumPy.

The operations are written once, as functions of x, w and b; there is no backward pass to write.
"""

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from convbench_specs import Available, Backend, Conv, Flatten, Supports, Unavailable, hookimpl
from convbench_specs.adapters import prepare_function


class Autograd(Backend):
    name = "autograd"
    summary = "functions of NumPy, differentiated by the package autograd"
    contract = (1, 2)
    packages = ("autograd",)
    supports = Supports(
        dtypes=("float32", "float64"),
        groups=False,
        edge_padding=False,
        pool_padding=False,
        ceil_mode=False,
        channel_pools=False,
    )

    def availability(self, device):
        try:
            return Available(version("autograd"))
        except PackageNotFoundError:
            return Unavailable("autograd is not installed: pip install autograd")

    def start(self, settings):
        import autograd  # here and not above: the host imports this module to list it

        self._make_vjp = autograd.make_vjp
        return {}

    def prepare(self, case, tensors):
        return prepare_function(function_of(case), tensors, vjp=self._vjp)

    def _vjp(self, function, *inputs):
        pullback, y = self._make_vjp(function, argnum=tuple(range(len(inputs))))(*inputs)
        return y, pullback


def function_of(case):
    """The operation of a case, as a function that autograd can differentiate."""
    import autograd.numpy as anp

    def taps(x):
        """For each tap of the window, its place in the kernel and what it reads of x: (N, C, *output)."""
        amounts = [(0, 0), (0, 0), *((axis.before, axis.after) for axis in case.axes)]
        padded = anp.pad(x, amounts, "constant")
        for tap in np.ndindex(*(axis.kernel for axis in case.axes)):
            places = [slice(None), slice(None)]
            for place, axis in zip(tap, case.axes, strict=True):
                start = place * axis.dilation
                places.append(slice(start, start + axis.stride * (axis.output - 1) + 1, axis.stride))
            yield tap, padded[tuple(places)]

    def convolution(x, w, b=None):
        y = sum(anp.einsum("nc...,kc->nk...", part, w[(..., *tap)]) for tap, part in taps(x))
        return y if b is None else y + anp.reshape(b, (-1, *(1 for _ in case.axes)))

    def max_pool(x):
        parts = [part for _, part in taps(x)]
        largest = parts[0]
        for part in parts[1:]:
            largest = anp.where(part > largest, part, largest)  # the first of equal elements gets the gradient
        return largest

    def average_pool(x):
        parts = [part for _, part in taps(x)]
        return sum(parts) / len(parts)

    def flatten(x):
        last = case.operation.order == "channels_last"
        return anp.reshape(anp.moveaxis(x, 1, -1) if last else x, (len(x), *case.output_shape))

    if isinstance(case.operation, Conv):
        return convolution
    if isinstance(case.operation, Flatten):
        return flatten
    return max_pool if case.operation.kind == "max" else average_pool


@hookimpl
def convbench_backends():
    return [Autograd]
