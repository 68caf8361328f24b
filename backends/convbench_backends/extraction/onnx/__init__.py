"""ONNX files, read with the package onnx; nothing is run."""

from convbench_backends.extraction.onnx.extractor import OnnxExtractor

__all__ = ["OnnxExtractor"]
