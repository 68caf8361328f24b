"""Adapters: code of a usual shape becomes a Prepared by one call. They know no framework.

prepare_layer takes an object with weights, forward(x) and backward(dy); prepare_function takes a function f(x, w, b)
and, where there is one, the author's automatic differentiation.
"""

from convbench_specs.adapters.function import Pullback, Vjp, prepare_function
from convbench_specs.adapters.layer import LayerLike, prepare_layer
from convbench_specs.adapters.native import InputName, ToNative, own_copy

__all__ = [
    "InputName",
    "LayerLike",
    "Pullback",
    "ToNative",
    "Vjp",
    "own_copy",
    "prepare_function",
    "prepare_layer",
]
