"""All formulations of a convolution, by pass and name: what each needs, and what makes it.

A formulation need not have every pass: columns are a way to compute dx alone. What a formulation can do of a shape is
more than what the rule of choose.py gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from convbench_backends.numba_cpu.convolution.columns import cost as columns
from convbench_backends.numba_cpu.convolution.columns.level import ColumnGradient
from convbench_backends.numba_cpu.convolution.columns.plan import why_no_columns
from convbench_backends.numba_cpu.convolution.common import MakeSingle, MakeWeightGradients
from convbench_backends.numba_cpu.convolution.depthwise import cost as depthwise
from convbench_backends.numba_cpu.convolution.depthwise.frame import why_not_framed
from convbench_backends.numba_cpu.convolution.depthwise.level import (
    forward_planes,
    gradient_planes,
    weight_gradient_planes,
)
from convbench_backends.numba_cpu.convolution.few_places import cost as places
from convbench_backends.numba_cpu.convolution.few_places import kernels as few_places
from convbench_backends.numba_cpu.convolution.few_places.level import PlaceDots, PlaceGradient, PlaceWeightGradients
from convbench_backends.numba_cpu.convolution.flat import cost as flat
from convbench_backends.numba_cpu.convolution.flat.level import DotWeightGradients, FlatConvolution
from convbench_backends.numba_cpu.convolution.panels import cost as panels
from convbench_backends.numba_cpu.convolution.panels.level import PanelProduct, PanelWeightGradients
from convbench_backends.numba_cpu.convolution.panels.plan import why_no_panels, why_no_panels_of_dy
from convbench_backends.numba_cpu.convolution.winograd import cost as winograd
from convbench_backends.numba_cpu.convolution.winograd.level import WinogradConvolution, WinogradWeightGradients
from convbench_backends.numba_cpu.convolution.winograd.plan import why_no_winograd
from convbench_backends.numba_cpu.geometry import ConvShape

Make = TypeVar("Make", MakeSingle, MakeWeightGradients)
WhyNot = Callable[[ConvShape, int], str]
"""Of (shape, itemsize): what keeps a formulation from a convolution; "" where nothing does."""

Cost = Callable[[ConvShape, int, int], float]
"""Of (shape, itemsize, threads): multiply-adds of vectors that the slowest thread could do in the same time."""


@dataclass(frozen=True, slots=True)
class Way(Generic[Make]):
    """How one pass is computed by one formulation."""

    title: str
    make: Make
    why_not: WhyNot
    cost: Cost


def _always(_: ConvShape, __: int) -> str:
    return ""


def _why_no_winograd(shape: ConvShape, _: int) -> str:
    return why_no_winograd(shape)


def _why_no_depthwise(shape: ConvShape, _: int) -> str:
    return why_not_framed(shape)


FORWARD: Mapping[str, Way[MakeSingle]] = {
    "implicit_gemm": Way("implicit GEMM", FlatConvolution.forward, _always, flat.forward_cost),
    "panels": Way("packed panels", PanelProduct.forward, why_no_panels, panels.forward_cost),
    "winograd": Way("Winograd F(2x2, 3x3)", WinogradConvolution.forward, _why_no_winograd, winograd.forward_cost),
    "depthwise": Way("depthwise rows", forward_planes, _why_no_depthwise, depthwise.forward_cost),
    "few_places": Way("dot products of places", PlaceDots, few_places.why_not, places.forward_cost),
}
"""y of x, by the name of a formulation."""
GRADIENT: Mapping[str, Way[MakeSingle]] = {
    "implicit_gemm": Way("implicit GEMM", FlatConvolution.gradient, _always, flat.gradient_cost),
    "panels": Way("packed panels", PanelProduct.gradient, why_no_panels_of_dy, panels.gradient_cost),
    "columns": Way("columns", ColumnGradient, why_no_columns, columns.gradient_cost),
    "winograd": Way("Winograd F(2x2, 3x3)", WinogradConvolution.gradient, _why_no_winograd, winograd.gradient_cost),
    "depthwise": Way("depthwise rows", gradient_planes, _why_no_depthwise, depthwise.gradient_cost),
    "few_places": Way("filters in place", PlaceGradient, few_places.why_not, places.gradient_cost),
}
"""dx of dy."""
WEIGHT_GRADIENTS: Mapping[str, Way[MakeWeightGradients]] = {
    "implicit_gemm": Way("dot products", DotWeightGradients, _always, flat.weight_gradients_cost),
    "panels": Way("packed panels", PanelWeightGradients, why_no_panels, panels.weight_gradients_cost),
    "winograd": Way("Winograd F(3x3, 2x2)", WinogradWeightGradients, _why_no_winograd, winograd.weight_gradients_cost),
    "depthwise": Way("depthwise rows", weight_gradient_planes, _why_no_depthwise, depthwise.weight_gradients_cost),
    "few_places": Way("filters in place", PlaceWeightGradients, few_places.why_not, places.weight_gradients_cost),
}
"""dw and db of x and dy."""
