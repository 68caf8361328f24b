"""Convolution on the fast level, and the rule that chooses how each pass is computed.

Weights are brought into the kernels' order within each call, since a training step changes them. So an update needs
no more than new values in the resident tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from convbench_backends.numba_cpu.convolution.formulations import FORWARD, GRADIENT, WEIGHT_GRADIENTS, Way
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Prepared, Tensors, Unsupported


class Names(NamedTuple):
    """Of the formulation of each pass."""

    y: str
    dx: str
    dw: str

    @property
    def title(self) -> str:
        """For people: the formulation of y, then those of dx and dw where they are others."""
        y, dx, dw = FORWARD[self.y].title, GRADIENT[self.dx].title, WEIGHT_GRADIENTS[self.dw].title
        if self.y == self.dx == self.dw:
            return y
        others = [f"{name} by {title}" for name, title in (("dx", dx), ("dw", dw)) if title != y]
        return ", ".join([y, *others])


def conv(case: Case, tensors: Tensors, threads: int, algorithm: str = "auto") -> Prepared | Unsupported:
    """Any convolution padded with zeros, by the formulation of that name, or by the rule with "auto"."""
    assert tensors.w is not None
    shape, itemsize = ConvShape.of(case, len(tensors.x)), tensors.x.itemsize
    by_rule = algorithm == "auto"
    names = choose(shape, itemsize=itemsize, threads=threads) if by_rule else named(algorithm, shape, itemsize)
    if isinstance(names, Unsupported):
        return names
    x, dy, w = (tensor.reshape(-1) for tensor in (tensors.x, tensors.dy, tensors.w))
    b = tensors.b
    y_of_x = FORWARD[names.y].make(shape, x.dtype, threads)
    dx_of_dy = GRADIENT[names.dx].make(shape, x.dtype, threads)
    dw_db_of = WEIGHT_GRADIENTS[names.dw].make(shape, x.dtype, threads)
    x_shape, y_shape, w_shape = tensors.x.shape, tensors.dy.shape, tensors.w.shape

    def forward() -> Array:
        return y_of_x(x, w, b).reshape(y_shape)

    def backward() -> tuple[Array, Array, Array | None]:
        dx = dx_of_dy(dy, w, None).reshape(x_shape)
        dw, db = dw_db_of(x, dy)
        return dx, dw.reshape(w_shape), None if b is None else db

    return Prepared(
        forward=forward,
        backward=backward,
        forward_for_training=forward,
        algorithm=names.title,
        update=Resident(x, dy, w, b).update,
    )


def named(name: str, shape: ConvShape, itemsize: int) -> Names | Unsupported:
    """The formulation of that name for each pass that it can do, implicit GEMM for the others."""
    found, reasons = [], []
    for ways in (FORWARD, GRADIENT, WEIGHT_GRADIENTS):
        reason = ways[name].why_not(shape, itemsize) if name in ways else "it has no such pass"
        found.append("implicit_gemm" if reason else name)
        reasons.append(reason)
    if all(reasons):
        return Unsupported(f"algorithm={name}: {next(r for r in reasons if r != 'it has no such pass')}")
    return Names(*found)


def choose(shape: ConvShape, *, itemsize: int, threads: int) -> Names:
    """The rule: of the formulations that can do a pass the one that costs least by its model."""

    def best(ways: Mapping[str, Way[Any]]) -> str:
        possible = {name: way for name, way in ways.items() if not way.why_not(shape, itemsize)}
        return min(possible, key=lambda name: possible[name].cost(shape, itemsize, threads))

    return Names(best(FORWARD), best(GRADIENT), best(WEIGHT_GRADIENTS))
