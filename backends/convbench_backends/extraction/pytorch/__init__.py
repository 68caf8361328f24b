"""PyTorch models: modules, functions of tensors, files that torch saved, and models by name of two libraries."""

from convbench_backends.extraction.pytorch.extractor import PyTorchExtractor

__all__ = ["PyTorchExtractor"]
