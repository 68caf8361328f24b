"""Extractors: each reads the models of one framework, which is imported when the first model comes."""

from convbench_backends.extraction.plugin import convbench_extractors

__all__ = ["convbench_extractors"]
