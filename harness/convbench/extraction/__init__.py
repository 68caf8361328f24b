"""Workloads from models: a model is traced in a process of its own, and its layers become cases."""

from convbench.extraction.asking import extract
from convbench.extraction.extracted import Extracted

__all__ = ["Extracted", "extract"]
