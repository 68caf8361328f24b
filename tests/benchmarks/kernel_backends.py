"""Backends for kernels.py beside those that are shipped: PyTorch channels last, and a tuned allocator.

By default glibc maps every large result afresh and gives it back, and each call pays a page fault for every 4 KiB that
it writes first, which for some rows is most of the time. Tuned, freed memory stays with the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_backends.pytorch import PyTorch
from convbench_specs import Backend, Settings, hookimpl

TUNED = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(512 << 20),
}
"""Nothing is mapped, nothing is given back, and the heap grows by 512 MiB at a time."""


class PyTorchChannelsLast(PyTorch):
    """PyTorch on tensors in its channels_last memory format."""

    name = "pytorch-nhwc"

    def start(self, settings: Settings) -> Mapping[str, str]:
        facts = super().start(settings)
        self._engine = channels_last_engine(settings)
        return facts


class PyTorchTuned(PyTorch):
    """PyTorch's default layout with the tuned allocator."""

    name = "pytorch-tuned"

    def environment(self, settings: Settings) -> Mapping[str, str]:
        return {**super().environment(settings), **TUNED}


class PyTorchChannelsLastTuned(PyTorchChannelsLast):
    """Both."""

    name = "pytorch-nhwc-tuned"

    def environment(self, settings: Settings) -> Mapping[str, str]:
        return {**super().environment(settings), **TUNED}


class NumpyTuned(NumpyIm2col):
    """numpy-im2col with the tuned allocator."""

    name = "numpy-im2col-tuned"

    def environment(self, settings: Settings) -> Mapping[str, str]:
        return {**super().environment(settings), **TUNED}


def channels_last_engine(settings: Settings) -> Any:
    """PyTorch's engine, whose tensors of rank 4 are brought to channels_last before the passes see them."""
    import torch

    from convbench_backends.pytorch.engine import Engine

    class ChannelsLastEngine(Engine):
        layouts = ("NCW", "NHWC")

        def _native(self, array: Any, dtype: Any) -> Any:
            tensor = super()._native(array, dtype)
            return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    return ChannelsLastEngine(settings)


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    return [PyTorchChannelsLast, PyTorchTuned, PyTorchChannelsLastTuned, NumpyTuned]
