"""Keras models: objects, .keras files, and keras.applications by name."""

from convbench_backends.extraction.keras.extractor import KerasExtractor

__all__ = ["KerasExtractor"]
