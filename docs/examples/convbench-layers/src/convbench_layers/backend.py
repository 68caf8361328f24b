"""The layers as a backend: what they support is declared, and an adapter calls them."""

import numpy as np

from convbench_layers.layers import Convolution, Flattening, MaxPooling
from convbench_specs import Available, Backend, Conv, Flatten, Supports, hookimpl
from convbench_specs.adapters import prepare_layer


class Layers(Backend):
    name = "layers"
    summary = "layers written from scratch, by im2col"
    contract = (1, 2)
    supports = Supports(
        ranks=(2,),
        dtypes=("float32", "float64"),
        pool_kinds=("max",),
        flatten_orders=("channels_first",),
        groups=False,
        no_bias=False,
        dilation=False,
        rectangles=False,
        asymmetric_padding=False,
        edge_padding=False,
        pool_padding=False,
        ceil_mode=False,
        global_pools=False,
        channel_pools=False,
    )

    def availability(self, device):
        return Available(np.__version__)

    def prepare(self, case, tensors):
        return prepare_layer(layer_of(case), tensors)


def layer_of(case):
    """A new layer for a case that is supported."""
    if isinstance(case.operation, Flatten):
        return Flattening()
    axis = case.axes[0]  # the other one is the same
    if isinstance(case.operation, Conv):
        return Convolution(axis.stride, axis.before)
    return MaxPooling(axis.kernel, axis.stride)


@hookimpl
def convbench_backends():
    return [Layers]
