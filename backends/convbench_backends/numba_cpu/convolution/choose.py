"""Convolution on the fast level, and the rule that chooses its formulation.

The rule, from the shape alone, but for columns, which an image or group must have for each thread:
- few places   no more than filters and weights of one, many weights, no groups            few_places/
- depthwise    one filter a channel, 3 x 3, stride 1 or 2, dilation 1                      depthwise/
- Winograd     3 x 3, stride and dilation 1, 16 channels and filters or more, no groups    winograd/
- implicit GEMM and dot products for everything else                                       flat/
  with dx by columns, where channels are few and the stride is 1                           columns/

Weights are brought into the kernels' order within each call, since a training step changes them. So an update needs
no more than new values in the resident tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convbench_backends.numba_cpu.convolution.columns.level import ImplicitGemmByColumns
from convbench_backends.numba_cpu.convolution.columns.plan import takes_columns, why_no_columns
from convbench_backends.numba_cpu.convolution.common import Level
from convbench_backends.numba_cpu.convolution.depthwise import kernels as depthwise
from convbench_backends.numba_cpu.convolution.depthwise.level import Depthwise
from convbench_backends.numba_cpu.convolution.few_places import kernels as few_places
from convbench_backends.numba_cpu.convolution.few_places.level import FewPlaces
from convbench_backends.numba_cpu.convolution.flat.level import ImplicitGemm
from convbench_backends.numba_cpu.convolution.winograd.level import Winograd
from convbench_backends.numba_cpu.convolution.winograd.plan import takes_winograd, why_no_winograd
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Prepared, Tensors, Unsupported


def conv(case: Case, tensors: Tensors, threads: int, algorithm: str = "auto") -> Prepared | Unsupported:
    """Any convolution padded with zeros, by the formulation of that name, or by the rule with "auto"."""
    assert tensors.w is not None
    shape, itemsize = ConvShape.of(case, len(tensors.x)), tensors.x.itemsize
    if algorithm != "auto" and (reason := FORMULATIONS[algorithm].why_not(shape, itemsize)):
        return Unsupported(f"algorithm={algorithm}: {reason}")
    x, dy, w = (tensor.reshape(-1).copy() for tensor in (tensors.x, tensors.dy, tensors.w))
    b = None if tensors.b is None else tensors.b.copy()
    by_rule = algorithm == "auto"
    formulation = choose(shape, itemsize=itemsize, threads=threads) if by_rule else FORMULATIONS[algorithm].formulation
    level: Level = formulation(shape, x.dtype, threads)
    x_shape, y_shape, w_shape = tensors.x.shape, tensors.dy.shape, tensors.w.shape

    def forward() -> Array:
        return level.y(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = level.dx(dy, w).reshape(x_shape)
        dw, db = level.dw_db(x, dy)
        return dx, dw.reshape(w_shape), None if b is None else db

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm=level.algorithm,
        update=Resident(x, dy, w, b).update,
    )


Formulation = type[FewPlaces | Depthwise | Winograd | ImplicitGemm]
"""A class that is made of (shape, dtype, threads), and is then a Level."""


@dataclass(frozen=True, slots=True)
class Choosable:
    """A formulation that a user can ask for; why_not(shape, itemsize) says what it cannot do of a shape."""

    formulation: Formulation
    why_not: Callable[[ConvShape, int], str]


FORMULATIONS: Mapping[str, Choosable] = {
    "implicit_gemm": Choosable(ImplicitGemm, lambda *_: ""),
    "columns": Choosable(ImplicitGemmByColumns, why_no_columns),
    "winograd": Choosable(Winograd, lambda shape, _: why_no_winograd(shape)),
    "depthwise": Choosable(
        Depthwise,
        lambda shape, _: "" if depthwise.takes(shape) else "one filter a channel, 3 x 3, stride 1 or 2, dilation 1",
    ),
    "few_places": Choosable(FewPlaces, few_places.why_not),
}
"""By the name that the option has. What each can do is more than what the rule gives it."""


def choose(shape: ConvShape, *, itemsize: int, threads: int) -> Formulation:
    """The rule of this module."""
    if few_places.takes(shape, itemsize=itemsize):
        return FewPlaces
    if depthwise.takes(shape):
        return Depthwise
    if takes_winograd(shape):
        return Winograd
    return ImplicitGemmByColumns if takes_columns(shape, itemsize=itemsize, threads=threads) else ImplicitGemm
