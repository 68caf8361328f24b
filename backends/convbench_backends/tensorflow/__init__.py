"""TensorFlow: tf.function graphs on channels-last tensors. This module imports no TensorFlow; engine.py does."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convbench_backends.shared.cuda_driver import no_cuda_device
from convbench_backends.shared.installed import installed_version
from convbench_backends.shared.options import choices
from convbench_specs import (
    APPROACH,
    Available,
    Backend,
    Case,
    Device,
    FrameworkVariables,
    MemoryCounter,
    Option,
    Prepared,
    Settings,
    Tensors,
    Unavailable,
    Unsupported,
    hookimpl,
)

if TYPE_CHECKING:
    from convbench_backends.tensorflow.engine import Engine


class TensorFlow(Backend):
    """tf.function graphs; gradients by GradientTape."""

    name = "tensorflow"
    short_name = "tf"
    summary = "TensorFlow graphs: tf.nn and GradientTape, on oneDNN or cuDNN; XLA where those have no gradient"
    contract = (1, 2)
    devices = ("cpu", "cuda")
    display_order = 5
    packages = ("tensorflow-cpu", "tensorflow")
    framework_variables = FrameworkVariables(
        threads=("TF_NUM_INTRAOP_THREADS",),
        passed_prefixes=("TF_", "XLA_"),
    )
    options = (
        Option(
            "xla",
            default="auto",
            choices=("auto", "on", "off"),
            meaning="Compile graphs with XLA: where TensorFlow's own kernels cannot do a pass, all of them, or none.",
        ),
    )

    _engine: Engine

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether TensorFlow is installed, and for "cuda" built for it and a GPU there."""
        version = installed_version("tensorflow", "tensorflow", "tensorflow-cpu")
        if version is None:
            return Unavailable("TensorFlow is not installed: pip install 'convbench[tensorflow]'")
        if device == "cpu":
            return Available(version)
        if installed_version("tensorflow", "tensorflow-cpu") == version:
            return Unavailable("tensorflow-cpu is built for the CPU alone: pip install 'tensorflow[and-cuda]' instead")
        return no_cuda_device() or Available(version)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Threads and memory growth are read when TensorFlow first runs; OMP_NUM_THREADS has no effect on it."""
        environment = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": str(settings.threads),
            "TF_NUM_INTEROP_THREADS": "1",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            "TF_USE_LEGACY_KERAS": "1",  # else TensorFlow imports Keras, unasked and unused, for 2 s
        }
        if settings.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        return environment

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Import TensorFlow and set full precision; ConvbenchError where it finds no GPU that was asked for."""
        with _hidden("jax"):  # TensorFlow Lite, which is not used either, would import it for 1 s
            from convbench_backends.tensorflow.engine import Engine  # noqa: PLC0415  # imports TensorFlow

        self._engine = Engine(settings, **choices(self.options, settings))
        return {**self._engine.facts(), APPROACH: "framework"}

    def memory_counter(self) -> MemoryCounter | None:
        """TensorFlow's own count where it keeps an arena: on a GPU, and on a CPU with oneDNN."""
        return self._engine.memory_counter()

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Copy the tensors; graphs are traced at the first call of a pass and kept for the same case and batch."""
        return self._engine.prepare(case, tensors)


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Have imports find that a module is not installed, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # as Python's reference describes it: import raises
    try:
        yield
    finally:
        del sys.modules[module]


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    """The backend of this plug-in."""
    return [TensorFlow]
