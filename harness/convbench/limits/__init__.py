"""The machine's limit: the arithmetic and the bandwidth that it reaches, and the share of them that a cell gets."""

from convbench.limits.roofline import Bandwidth, Limits, Peak

__all__ = ["Bandwidth", "Limits", "Peak"]
