"""The backend numpy-im2col: which path a case takes, and the passes over resident arrays.

The rule, by the case alone and never by timing:

    1 x 1 at stride 1, unpadded     matrix products over the images as they lie, no copy
    one filter a channel            if planes are small, one einsum over the windows of many of them
    any other convolution           im2col in blocks, all groups in one call; of the whole batch if that is little work
    dx                              the flipped kernel at stride 1 with at most 2 filters a channel, else added columns
    pool                            two passes over blocks of planes
    flatten                         a view, or one permuted copy

With the option level=textbook every convolution is im2col of the whole batch instead, as the course material has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from convbench_backends.numpy_im2col import blas
from convbench_backends.numpy_im2col.crew import Crew
from convbench_backends.numpy_im2col.passes import prepare_conv, prepare_flatten, prepare_pool
from convbench_backends.shared.options import choices
from convbench_specs import (
    APPROACH,
    Approach,
    Available,
    Backend,
    Case,
    Conv,
    Device,
    Flatten,
    Option,
    Prepared,
    Settings,
    Tensors,
    Unsupported,
    hookimpl,
)

APPROACH_OF_LEVEL: Mapping[str, Approach] = {"blocked": "blocked im2col", "textbook": "im2col"}


class NumpyIm2col(Backend):
    """Windows become columns of a matrix, and a convolution a matrix product."""

    name = "numpy-im2col"
    short_name = "numpy"
    summary = "NumPy: im2col and matrix products, block by block"
    contract = (1, 2)
    display_order = 1
    is_reference = True
    packages = ("numpy",)
    options = (
        Option(
            "level",
            default="blocked",
            choices=("blocked", "textbook"),
            meaning="Convolutions in blocks that stay in the cache, or with X_col of the whole batch as in a course.",
        ),
    )

    def __init__(self) -> None:
        self._crew = Crew(1)
        self._level = "blocked"

    def availability(self, device: Device) -> Available:
        """Always: convbench itself needs NumPy."""
        return Available(version=np.__version__)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """The OpenBLAS kernels that fit the processor, where it would choose others."""
        return blas.coretype()

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Make the threads; records which BLAS there is and which kernels it uses."""
        libraries = blas.libraries()
        self._crew = Crew(settings.threads, libraries)
        self._level = choices(self.options, settings)["level"]
        return {**blas.facts(libraries), "level": self._level, APPROACH: APPROACH_OF_LEVEL[self._level]}

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Copy the tensors, and choose the path."""
        if case.dtype == "bfloat16":
            return Unsupported("NumPy has no bfloat16")
        if isinstance(case.operation, Flatten):
            return prepare_flatten(case, tensors)
        if not isinstance(case.operation, Conv):
            return prepare_pool(case, tensors, self._crew)
        return prepare_conv(case, tensors, self._crew, textbook=self._level == "textbook")


@hookimpl
def convbench_backends() -> Iterable[type[Backend]]:
    """The hook by which convbench finds this backend."""
    return [NumpyIm2col]
