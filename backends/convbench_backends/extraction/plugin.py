"""The plug-in with convbench's own extractors."""

from __future__ import annotations

from convbench_backends.extraction.jax import JaxExtractor
from convbench_backends.extraction.keras import KerasExtractor
from convbench_backends.extraction.onnx import OnnxExtractor
from convbench_backends.extraction.pytorch import PyTorchExtractor
from convbench_specs import Extractor, hookimpl


@hookimpl
def convbench_extractors() -> list[type[Extractor]]:
    """Those of all frameworks; the first that takes a model reads it, and Keras may itself run on PyTorch."""
    return [KerasExtractor, PyTorchExtractor, OnnxExtractor, JaxExtractor]
