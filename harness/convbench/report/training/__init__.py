"""A training as one HTML page, which needs neither scripts nor a network."""

from convbench.report.training.page import PAGE_NAME, render_training

__all__ = ["PAGE_NAME", "render_training"]
