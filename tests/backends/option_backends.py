"""Plug-in for tests: the bundled backends with options that are not the defaults, each under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convbench_backends.jax import Jax
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_backends.pytorch import PyTorch
from convbench_backends.tensorflow import TensorFlow
from convbench_specs import Available, Backend, Device, Settings, Unavailable, hookimpl

CHOSEN: dict[str, tuple[type[Backend], dict[str, str]]] = {
    "pytorch-channels-last": (PyTorch, {"layout": "channels_last"}),
    "pytorch-compile": (PyTorch, {"mode": "compile"}),
    "pytorch-compile-channels-last": (PyTorch, {"layout": "channels_last", "mode": "compile"}),
    "tensorflow-xla-on": (TensorFlow, {"xla": "on"}),
    "tensorflow-xla-off": (TensorFlow, {"xla": "off"}),
    "jax-nchw": (Jax, {"layout": "NCHW"}),
    "numba-cpu-readable": (NumbaCpu, {"level": "readable"}),
    "numba-cpu-implicit-gemm": (NumbaCpu, {"algorithm": "implicit_gemm"}),
    "numba-cpu-columns": (NumbaCpu, {"algorithm": "columns"}),
    "numba-cpu-winograd": (NumbaCpu, {"algorithm": "winograd"}),
    "numba-cpu-depthwise": (NumbaCpu, {"algorithm": "depthwise"}),
    "numba-cpu-few-places": (NumbaCpu, {"algorithm": "few_places"}),
    "numpy-im2col-textbook": (NumpyIm2col, {"level": "textbook"}),
}
"""(backend, options) by name."""


def with_options(backend_name: str) -> type[Backend]:
    """The backend of that name in CHOSEN; what the host says of options is replaced."""
    backend, options = CHOSEN[backend_name]

    class Chosen(backend):  # type: ignore[misc, valid-type]
        name = backend_name
        display_order = None

        def availability(self, device: Device) -> Available | Unavailable:
            if not hasattr(self, "_asked"):  # availability_with asks for availability in its turn
                self._asked = True
                return super().availability_with(Settings(device=device, options=options))
            return super().availability(device)

        def environment(self, settings: Settings) -> Mapping[str, str]:
            return super().environment(replace(settings, options=options))

        def start(self, settings: Settings) -> Mapping[str, str]:
            return super().start(replace(settings, options=options))

    return Chosen


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    return [with_options(name) for name in CHOSEN]
