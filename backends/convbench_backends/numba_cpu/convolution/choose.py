"""Convolution on the fast level, and the rule that chooses its formulation.

The rule, from the shape alone, but for columns, which an image or group must have for each thread:
- few places   no more than filters and weights of one, many weights, no groups            few_places/
- depthwise    one filter a channel, 3 x 3, stride and dilation 1                          depthwise/
- Winograd     3 x 3, stride and dilation 1, 16 channels and filters or more, no groups    winograd/
- implicit GEMM and dot products for everything else                                       flat/
  with dx by columns, where channels are few and the stride is 1                           columns/

Weights are brought into the kernels' order within each call, since a training step changes them. So an update needs
no more than new values in the resident tensors.
"""

from __future__ import annotations

from convbench_backends.numba_cpu.convolution.columns.level import ImplicitGemmByColumns
from convbench_backends.numba_cpu.convolution.columns.plan import takes_columns
from convbench_backends.numba_cpu.convolution.common import Level
from convbench_backends.numba_cpu.convolution.depthwise import kernels as depthwise
from convbench_backends.numba_cpu.convolution.depthwise.level import Depthwise
from convbench_backends.numba_cpu.convolution.few_places import kernels as few_places
from convbench_backends.numba_cpu.convolution.few_places.level import FewPlaces
from convbench_backends.numba_cpu.convolution.flat.level import ImplicitGemm
from convbench_backends.numba_cpu.convolution.winograd.level import Winograd
from convbench_backends.numba_cpu.convolution.winograd.plan import takes_winograd
from convbench_backends.numba_cpu.geometry import Array, ConvShape
from convbench_backends.numba_cpu.resident import Resident
from convbench_specs import Case, Prepared, Tensors


def conv(case: Case, tensors: Tensors, threads: int) -> Prepared:
    """Any convolution padded with zeros."""
    assert tensors.w is not None
    shape = ConvShape.of(case, len(tensors.x))
    x, dy, w = (tensor.reshape(-1).copy() for tensor in (tensors.x, tensors.dy, tensors.w))
    b = None if tensors.b is None else tensors.b.copy()
    level: Level = choose(shape, itemsize=x.itemsize, threads=threads)(shape, x.dtype, threads)
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


def choose(shape: ConvShape, *, itemsize: int, threads: int) -> type[FewPlaces | Depthwise | Winograd | ImplicitGemm]:
    """The rule of this module."""
    if few_places.takes(shape, itemsize=itemsize):
        return FewPlaces
    if depthwise.takes(shape):
        return Depthwise
    if takes_winograd(shape):
        return Winograd
    return ImplicitGemmByColumns if takes_columns(shape, itemsize=itemsize, threads=threads) else ImplicitGemm
